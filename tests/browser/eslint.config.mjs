// What is surely wrong in the console and in what plays it: names that are not there, values nobody reads.
import js from "@eslint/js";
import globals from "globals";

export default [
    js.configs.recommended,
    { ignores: ["**/node_modules/**"] },
    { files: ["web/**/*.js"], languageOptions: { globals: globals.browser } },
    { files: ["tests/browser/**/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
