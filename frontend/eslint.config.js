import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** A layer may import itself and what stands before it. */
const LAYERS = ["api", "shared", "session", "realtime", "features", "app"];
const above = (layer) => LAYERS.slice(LAYERS.indexOf(layer) + 1).map((name) => `@/${name}/*`);
const FEATURES = ["account", "auth", "broker", "chart", "data", "notifications", "system", "workspace"];

export default tseslint.config(
  { ignores: ["dist", "public", "node_modules", "src/api/generated", "**/*.generated.ts"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...hooks.configs.recommended.rules,
      "max-lines": ["error", { max: 250, skipBlankLines: false, skipComments: false }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "no-console": "error",
      "no-restricted-globals": ["error", { name: "fetch", message: "Use the generated client of @/api." }],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='WebSocket']", message: "Only src/realtime opens a socket." },
      ],
    },
  },
  ...LAYERS.slice(0, -1).map((layer) => ({
    files: [`src/${layer}/**/*.{ts,tsx}`],
    rules: { "no-restricted-imports": ["error", { patterns: [{ group: above(layer), message: "Imports go one way." }] }] },
  })),
  ...FEATURES.filter((name) => name !== "workspace").map((name) => ({
    files: [`src/features/${name}/**/*.{ts,tsx}`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: ["@/app/*"], message: "Imports go one way." },
            {
              group: FEATURES.filter((other) => other !== name).map((other) => `@/features/${other}/*`),
              message: "A feature does not import another; only the workspace, which is made of them, does.",
            },
          ],
        },
      ],
    },
  })),
  { files: ["src/realtime/socket.ts"], rules: { "no-restricted-syntax": "off" } },
  { files: ["**/*.{js,mjs}"], languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly", setInterval: "readonly", clearInterval: "readonly" } } },
  // Functions that are evaluated in the page.
  { files: ["e2e/*.mjs"], languageOptions: { globals: { document: "readonly", localStorage: "readonly", dispatchEvent: "readonly", sessionStorage: "readonly", Buffer: "readonly", fetch: "readonly", Event: "readonly", PerformanceObserver: "readonly", performance: "readonly" } } },
);
