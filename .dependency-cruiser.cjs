// Who may call whom (docs/architecture.md): cli → http → services → store, providers → mail, model, platform.
// A room may use the rooms below it, never those beside or above it, unless a line here says so.
const below = {
  platform: [],
  model: [],
  mail: ['platform'],
  store: ['platform', 'model', 'mail'],
  providers: ['platform', 'model', 'mail'],
  sync: ['platform', 'model', 'mail', 'store', 'providers'],
  connect: ['platform', 'model', 'mail', 'store', 'providers'],
  changes: ['platform', 'model', 'mail', 'store', 'providers', 'sync'],
  search: ['platform', 'model', 'mail', 'store', 'providers'],
  webhooks: ['platform', 'model'],
  http: ['platform', 'model', 'mail', 'store', 'connect', 'sync', 'changes', 'search'],
  web: ['platform', 'model', 'http'],
};

const rooms = Object.entries(below).map(([room, allowed]) => ({
  name: `${room}-looks-down`,
  comment: `src/${room} may use ${allowed.join(', ') || 'nothing of ours'}.`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: [`^src/${room}/`, ...allowed.map((other) => `^src/${other}/`)] },
}));

module.exports = {
  forbidden: [
    ...rooms,
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nothing-from-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(test|testbed|bench)/' },
    },
    {
      name: 'mail-does-no-io',
      comment: 'Pure mail logic takes values and returns values.',
      severity: 'error',
      from: { path: '^src/mail/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(node:)?(fs|net|http|https|child_process|worker_threads|dns|timers)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.test\\.ts$' },
    tsPreCompilationDeps: true,
    // TypeScript 7 has no API yet; swc reads the same imports.
    parser: 'swc',
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
