// Reads a JSON object of file names and texts in Terraform's language, prints them parsed.
import { readFileSync } from "node:fs";
import hcl from "@cdktf/hcl2json";

const parsed = {};
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) parsed[name] = await hcl.parse(name, text);
console.log(JSON.stringify(parsed));
