import { type Static, Type } from 'typebox';
import { OneOf, UnixSeconds, Uuid } from './scalars.ts';

const RedirectUriPlatform = OneOf(['web', 'desktop', 'js', 'ios', 'android']);

const Setting = (description: string) => Type.Optional(Type.String({ maxLength: 255, description }));

/** What a platform tells of itself. Which of them it must tell: connect/redirect-uri-rules.ts. */
export const RedirectUriSettings = Type.Object({
  origin: Setting('js: scheme, host and port of the page'),
  bundle_id: Setting('ios'),
  app_store_id: Setting('ios'),
  team_id: Setting('ios'),
  package_name: Setting('android'),
  sha1_certificate_fingerprint: Setting('android'),
});
export type RedirectUriSettings = Static<typeof RedirectUriSettings>;

/** Where a sign-in may return to. */
export const RedirectUri = Type.Object(
  {
    id: Uuid(),
    url: Type.String(),
    platform: RedirectUriPlatform,
    settings: Type.Optional(RedirectUriSettings),
    deleted_at: Type.Optional(UnixSeconds()),
  },
  { $id: 'RedirectUri' },
);
export type RedirectUri = Static<typeof RedirectUri>;

const Url = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'https; http only for localhost; for ios and android also a scheme of the app',
  examples: ['https://app.example.com/callback'],
});

export const NewRedirectUri = Type.Object({
  url: Url,
  platform: Type.Optional(Type.Enum(RedirectUriPlatform.enum, { default: 'web' })),
  settings: Type.Optional(RedirectUriSettings),
});
export type NewRedirectUri = Static<typeof NewRedirectUri>;

/** What is absent stays; `settings` are replaced whole. */
export const RedirectUriChange = Type.Partial(NewRedirectUri);
export type RedirectUriChange = Static<typeof RedirectUriChange>;

/** One of the list in PATCH /v3/applications: with `id` it is one that exists. */
export const ListedRedirectUri = Type.Object({
  id: Type.Optional(Type.String()),
  ...NewRedirectUri.properties,
});
export type ListedRedirectUri = Static<typeof ListedRedirectUri>;
