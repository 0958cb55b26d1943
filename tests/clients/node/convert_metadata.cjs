// Reads {source, target, apiVersion}: resolves a source folder with Salesforce's own registry and converts it to metadata format.
// Prints the components by type, and the shape of every metadata type as Salesforce's WSDL has it.
const { readFileSync } = require("node:fs");
const { ComponentSet, MetadataConverter } = require("@salesforce/source-deploy-retrieve");
const { ApiSchemas } = require("jsforce/lib/api/metadata/schema.js");

async function main() {
  const given = JSON.parse(readFileSync(0, "utf8"));
  const components = ComponentSet.fromSource({ fsPaths: given.source });
  components.sourceApiVersion = given.apiVersion;
  await new MetadataConverter().convert(components, "metadata", {
    type: "directory",
    outputDirectory: given.target,
    genUniqueDir: false,
  });
  const named = components.getSourceComponents().toArray();
  const members = named.flatMap((each) => [each, ...each.getChildren()]).map((each) => [each.type.name, each.fullName]);
  process.stdout.write(JSON.stringify({ members, schema: ApiSchemas }));
}

main().catch((error) => {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exit(1);
});
