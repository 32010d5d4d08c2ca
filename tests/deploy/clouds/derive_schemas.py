"""Makes the files beside it, against which test_clouds.py checks deploy/aws, deploy/gcp and deploy/azure, from what the makers publish:

  ecs-task-definition.json   request of RegisterTaskDefinition                     Python package botocore
  cloud-run-service.json, cloud-run-job.json, cloud-build.json                     Google Cloud CLI (its generated clients)
  container-app.json, container-app-job.json                                       npm package @azure/arm-appcontainers
  terraform-resources.json   the resources used here: arguments, blocks            npm packages @cdktf/provider-aws, -google, -azurerm

Those are too large to install for a test. Usage, where they are installed:
  python3 derive_schemas.py GOOGLE_CLOUD_SDK_FOLDER NODE_MODULES_FOLDER
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=None, separators=(",", ":"), sort_keys=True) + "\n")


def aws(_):
    import botocore
    import botocore.session
    shape = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    definitions = {}

    def convert(shape):
        kind = shape.type_name
        if kind == "structure":
            if shape.name not in definitions:
                definitions[shape.name] = {}
                definitions[shape.name] = {"type": "object", "additionalProperties": False, "required": shape.required_members,
                                           "properties": {name: convert(inner) for name, inner in shape.members.items()}}
            return {"$ref": f"#/$defs/{shape.name}"}
        if kind == "list":
            return {"type": "array", "items": convert(shape.member)}
        if kind == "map":
            return {"type": "object", "additionalProperties": convert(shape.value)}
        if kind == "string":
            return {"type": "string", **({"enum": shape.enum} if shape.enum else {})}
        return {"type": {"integer": "integer", "long": "integer", "boolean": "boolean"}.get(kind, "number")}

    write("ecs-task-definition.json", {"$comment": f"botocore {botocore.__version__}", **convert(shape), "$defs": definitions})


def google(sdk):
    sys.path[:0] = [str(sdk / "lib"), str(sdk / "lib" / "third_party")]
    from apitools.base.protorpclite import messages
    from googlecloudsdk.generated_clients.apis.cloudbuild.v1 import cloudbuild_v1_messages
    from googlecloudsdk.generated_clients.apis.run.v1 import run_v1_messages
    version = (sdk / "VERSION").read_text().strip()

    def schema(message):
        definitions = {}

        def convert(kind):
            name = kind.definition_name().rpartition("messages.")[2]
            if name in definitions:
                return {"$ref": f"#/$defs/{name}"}
            definitions[name] = {}
            fields = {field.name: of_field(field) for field in kind.all_fields()}
            if name.endswith("Value") and "additionalProperties" in fields:  # a map; its entries are messages of key and value
                entry = next(field for field in kind.all_fields() if field.name == "additionalProperties").message_type
                value = next(field for field in entry.all_fields() if field.name == "value")
                definitions[name] = {"type": "object", "additionalProperties": of_field(value)}
            else:
                definitions[name] = {"type": "object", "additionalProperties": False, "properties": fields}
            return {"$ref": f"#/$defs/{name}"}

        def of_field(field):
            if isinstance(field, messages.MessageField):
                found = convert(field.message_type)
            elif isinstance(field, messages.EnumField):
                found = {"enum": [name for name in field.type.names() if not name.endswith("UNSPECIFIED")]}
            elif isinstance(field, messages.IntegerField):
                found = {"type": ["integer", "string"]}  # 64-bit ones are strings in JSON
            elif isinstance(field, messages.BooleanField):
                found = {"type": "boolean"}
            else:
                found = {"type": "string"}
            return {"type": "array", "items": found} if field.repeated else found

        return {"$comment": f"Google Cloud CLI {version}", **convert(message), "$defs": definitions}

    write("cloud-run-service.json", schema(run_v1_messages.Service))
    write("cloud-run-job.json", schema(run_v1_messages.Job))
    write("cloud-build.json", schema(cloudbuild_v1_messages.Build))


def azure(modules):
    folder = modules / "@azure" / "arm-appcontainers"
    version = json.loads((folder / "package.json").read_text())["version"]
    text = re.sub(r"/\*\*.*?\*/", "", (folder / "dist" / "commonjs" / "models" / "models.d.ts").read_text(), flags=re.S)
    interfaces = {name: (base, body) for name, base, body in re.findall(r"export interface (\w+)(?: extends (\w+))? \{(.*?)\n\}", text, re.S)}
    enums = {name: re.findall(r'= "([^"]*)"', body) for name, body in re.findall(r"export declare enum Known(\w+) \{(.*?)\n\}", text, re.S)}
    unions = {name: re.findall(r'"([^"]*)"', body) for name, body in re.findall(r'export type (\w+) = ((?:"[^"]*"(?: \| )?)+);', text)}

    def schema(properties):
        definitions = {}

        def of_type(kind):
            if kind.endswith("[]"):
                return {"type": "array", "items": of_type(kind[:-2])}
            record = re.fullmatch(r"Record<string, (.*)>", kind)
            if record:
                return {"type": "object", "additionalProperties": of_type(record[1])}
            if kind in enums or kind in unions:
                return {"enum": enums.get(kind) or unions[kind]}
            if kind in interfaces:
                return convert(kind)
            return {"type": kind} if kind in ("string", "number", "boolean") else {}

        def convert(name):
            if name not in definitions:
                definitions[name] = {}
                base, body = interfaces[name]
                fields = re.findall(r"^    (\w+)(\??): (.*);$", body, re.M)  # not those that are read only
                inherited = definitions[convert(base)["$ref"].rpartition("/")[2]] if base else {"properties": {}, "required": []}
                definitions[name] = {"type": "object", "additionalProperties": False,
                                     "required": inherited["required"] + [field for field, mark, _ in fields if not mark],
                                     "properties": inherited["properties"] | {field: of_type(kind) for field, _, kind in fields}}
            return {"$ref": f"#/$defs/{name}"}

        top = {"type": {"type": "string"}, "location": {"type": "string"}, "tags": {"type": "object"}, "identity": of_type("ManagedServiceIdentity"),
               "properties": of_type(properties)}
        return {"$comment": f"@azure/arm-appcontainers {version}", "type": "object", "additionalProperties": False,
                "required": ["location", "properties"], "properties": top, "$defs": definitions}

    write("container-app.json", schema("ContainerAppProperties"))
    write("container-app-job.json", schema("JobProperties"))


def terraform(modules):
    used = sorted({match for path in (ROOT / "deploy").glob("*/terraform/*.tf")
                   for match in re.findall(r'^resource "(\w+)"', path.read_text(), re.M)})
    result = {}
    for name in used:
        provider, _, rest = name.partition("_")
        folder = modules / "@cdktf" / f"provider-{provider}" / "lib" / rest.replace("_", "-")
        code = (folder / "index.js").read_text()
        types = (folder / "index.d.ts").read_text()
        version = re.search(r"providerVersion: '([^']+)'", code)[1]
        functions = dict(re.findall(r"^function (\w+)ToTerraform\(.*?\n    return \{\n(.*?)\n    \};", code, re.M | re.S))

        def interface(named):
            text = re.search(rf"export interface {named}\b[^{{]*\{{(.*?)\n\}}", types, re.S | re.I)[1]
            return {re.sub(r"([A-Z0-9])", r"_\1", key).lower().replace("_", ""): mark == "" for key, mark in
                    re.findall(r"readonly (\w+)(\??):", text)}

        def block(body, named):
            required = interface(named)
            found = {}
            for key, value in re.findall(r"^\s+([a-z_0-9]+): (.*),?$", body, re.M):
                if key in ("id", "timeouts"):
                    continue
                inner = re.search(r"(\w+)ToTerraform(?:, true\)|\()", value)
                entry = {"required": required.get(key.replace("_", ""), False)}
                if inner and inner[1] in functions and "cdktf." + inner[1] not in value:
                    entry["block"] = block(functions[inner[1]], inner[1])
                found[key] = entry
            return found

        body = re.search(r"synthesizeAttributes\(\) \{\n\s+return \{\n(.*?)\n\s+\};", code, re.S)[1]
        result[name] = {"provider": f"{provider} {version}", "arguments": block(body, re.search(r"export interface (\w+Config) extends", types)[1])}
    write("terraform-resources.json", result)


if __name__ == "__main__":
    aws(None)
    google(Path(sys.argv[1]))
    azure(Path(sys.argv[2]))
    terraform(Path(sys.argv[2]))
