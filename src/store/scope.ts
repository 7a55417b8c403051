/** What every statement on a scoped table is bound to. */
export interface Scope {
  applicationId: string;
  grantId: string;
}
