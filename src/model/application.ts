import { type Static, Type } from 'typebox';
import { ListedRedirectUri, RedirectUri } from './redirect-uri.ts';
import { OneOf, UnixSeconds, Uuid } from './scalars.ts';
import { isOrigin, isWebUrl } from './urls.ts';

/** What may be empty: an empty text means that there is none. */
const orEmpty = (check: (text: string) => boolean) => (text: string) => text === '' || check(text);

const Line = (maxLength: number) =>
  Type.Optional(
    Type.Refine(
      Type.String({ maxLength }),
      (text) => !/\p{Cc}/u.test(text),
      () => 'must be one line without control characters',
    ),
  );
const WebUrl = () =>
  Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 2048, description: 'http or https' }),
      orEmpty(isWebUrl),
      () => 'must be an http or https URL',
    ),
  );

/** Narrow enough to be put into a style sheet as it is. */
const COLOUR =
  /^(#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})|[a-z]{3,30}|(rgb|hsl)a?\([\d.]+(%|deg)?(?:[ ,/]{1,3}[\d.]+%?){2,3}\))$/i;
const Colour = () =>
  Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 64, description: 'A colour of CSS: #rrggbb, a name, rgb() or hsl()' }),
      orEmpty((text) => COLOUR.test(text)),
      () => 'must be a colour of CSS, such as #0a84ff',
    ),
  );

const List = (description: string, fine: (item: string) => boolean, complaint: string) =>
  Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 4096, description }),
      orEmpty((text) => text.split(',').every((item) => fine(item.trim()))),
      () => complaint,
    ),
  );

const Branding = Type.Object({
  name: Line(255),
  icon_url: WebUrl(),
  website_url: WebUrl(),
  description: Type.Optional(Type.String({ maxLength: 2000 })),
});

const HostedAuthentication = Type.Object({
  background_image_url: WebUrl(),
  alignment: Type.Optional(OneOf(['left', 'center', 'right'])),
  color_primary: Colour(),
  color_secondary: Colour(),
  title: Line(255),
  subtitle: Line(1000),
  background_color: Colour(),
  spacing: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: 'CSS pixels' })),
  terms_of_service_url: WebUrl(),
  privacy_policy_url: WebUrl(),
});

const IdpSettings = Type.Object({
  origins: List(
    'Comma separated',
    isOrigin,
    'must be origins such as https://app.example.com (http only for localhost), separated by commas',
  ),
  issuers: List('Comma separated', isWebUrl, 'must be http or https URLs, separated by commas'),
});

/** Ten years: whoever wants longer wants no end. */
const MAX_EXPIRATION_SECONDS = 315_360_000;
const Expiration = () =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_EXPIRATION_SECONDS, description: 'Seconds' }));

const AdditionalSettings = Type.Object({
  login_url: WebUrl(),
  logout_url: WebUrl(),
  refresh_token_expiration_absolute: Expiration(),
  refresh_token_expiration_idle: Expiration(),
  rotate_refresh_token: Type.Optional(Type.Boolean()),
  allow_query_param_in_redirect_uri: Type.Optional(Type.Boolean()),
});

/** RFC 1035, 2.3.4: labels of 63, 253 in all. */
const HOST_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i;

/** One tenant of this instance, as its own API key sees it. */
export const Application = Type.Object(
  {
    application_id: Uuid(),
    organization_id: Uuid(),
    region: Type.String(),
    environment: Type.String(),
    domain: Type.Optional(Type.String()),
    branding: Branding,
    hosted_authentication: HostedAuthentication,
    idp_settings: IdpSettings,
    additional_settings: AdditionalSettings,
    callback_uris: Type.Array(RedirectUri),
    created_at: UnixSeconds(),
    updated_at: UnixSeconds(),
  },
  { $id: 'Application' },
);
export type Application = Static<typeof Application>;

/** What is absent stays; each object that is given replaces the one before, whole. */
export const ApplicationUpdate = Type.Object({
  branding: Type.Optional(Branding),
  hosted_authentication: Type.Optional(HostedAuthentication),
  idp_settings: Type.Optional(IdpSettings),
  callback_uris: Type.Optional(Type.Array(ListedRedirectUri, { maxItems: 100 })),
  additional_settings: Type.Optional(AdditionalSettings),
  domain: Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 253, description: 'Host name of your own for the hosted pages' }),
      orEmpty((text) => HOST_NAME.test(text)),
      () => 'must be a host name such as auth.example.com',
    ),
  ),
});
export type ApplicationUpdate = Static<typeof ApplicationUpdate>;

/** The nested objects of an application with the fields that they may hold. */
export const APPLICATION_PARTS = {
  branding: Branding,
  hosted_authentication: HostedAuthentication,
  idp_settings: IdpSettings,
  additional_settings: AdditionalSettings,
} as const;
