// Reads a JSON array of Kubernetes objects, prints one of what is wrong with them: types, required fields and values by the
// schemas of kubernetes-models, and fields that the schemas do not know, which those let pass: a validator never looks at them.
import { readFileSync } from "node:fs";

function watch(value, path, all) {
  if (value === null || typeof value !== "object") return value;
  const seen = new Set();
  all.push({ value, path, seen });
  const inner = new Map();
  return new Proxy(value, {
    get(target, key) {
      seen.add(key);
      if (!inner.has(key)) inner.set(key, typeof key === "string" ? watch(target[key], `${path}/${key}`, all) : target[key]);
      return inner.get(key);
    },
  });
}

async function load({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const own = group === "external-secrets.io" ? "@kubernetes-models/external-secrets/" : "kubernetes-models/";
  const folder = group === "" ? version : `${group}/${version}`;
  return (await import(`${own}${folder}/${kind}`))[kind];
}

async function problems(object) {
  const name = `${object.kind} ${object.metadata?.name}`;
  let Model;
  try {
    Model = await load(object);
  } catch (error) {
    return [`${name}: no schema of ${object.apiVersion}: ${error.message}`];
  }
  const all = [];
  const model = new Model(object);
  try {
    Model.prototype.validate.call(watch(model, "", all));
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
  const found = [];
  for (const { value, path, seen } of all)
    for (const key of Object.keys(value)) if (!seen.has(key)) found.push(`${name}: unknown field ${path}/${key}`);
  return found;
}

const result = [];
for (const object of JSON.parse(readFileSync(0, "utf8"))) result.push(...(await problems(object)));
console.log(JSON.stringify(result));
