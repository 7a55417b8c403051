import sdk from 'nylas';

/** The official SDK's client. Its types describe a CommonJS module, while Node loads the ES module: hence the cast. */
export const Nylas = sdk as unknown as typeof sdk.default;
export type Nylas = InstanceType<typeof Nylas>;
