import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: "./openapi.json",
  output: { path: process.env.GENERATED_TO ?? "./src/api/generated", clean: true },
  plugins: ["@hey-api/typescript", "@hey-api/sdk", { name: "@hey-api/client-fetch", runtimeConfigPath: undefined }],
});
