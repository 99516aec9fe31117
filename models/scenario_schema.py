"""The JSON Schema of scenario files."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaSerializer
from pydantic_core.core_schema import WithDefaultSchema

from models.distributions import distribution_schema
from models.scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithPrintedDefaults(GenerateJsonSchema):
    """Prints defaults with their units, as they would stand in a scenario."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field with a default."""
        described = super().default_schema(schema)
        if "serialization" in schema["schema"] and "default" in schema:
            print_default = SchemaSerializer(schema["schema"]).to_python
            described["default"] = print_default(schema["default"], mode="json")
        return described


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario, for editors and programs that write scenarios.

    It knows fields, types, units and bounds. That names exist and that fields fit one another is checked by
    `Scenario` alone.
    """
    distributions = (distribution_schema("time"), distribution_schema("size"))
    shared = {schema["title"]: schema for schema in distributions}
    schema: dict[str, Any] = _share(Scenario.model_json_schema(schema_generator=_WithPrintedDefaults), shared)
    schema["$defs"].update(shared)
    return {"$schema": DIALECT, **schema}


def _share(schema: Any, shared: dict[str, dict[str, Any]]) -> Any:
    """Replace the copies of shared schemas by references to one definition of each."""
    if isinstance(schema, list):
        return [_share(part, shared) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema and schema.get("title") in shared:
        beside = {key: part for key, part in schema.items() if key not in shared[schema["title"]]}
        return {"$ref": f"#/$defs/{schema['title']}", **beside}
    return {key: _share(part, shared) for key, part in schema.items()}
