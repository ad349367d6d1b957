package llm

import "slices"

// isStrict is true for a schema that OpenAI can enforce: every object lists all of its properties as required and allows
// no others. It refuses to enforce any other, which is then only a strong hint.
func isStrict(schema any) bool {
	switch part := schema.(type) {
	case map[string]any:
		for _, word := range []string{"allOf", "oneOf", "not", "if", "patternProperties", "dependentRequired", "dependentSchemas"} {
			if _, there := part[word]; there {
				return false
			}
		}
		if part["type"] == "object" && !isClosed(part) {
			return false
		}
		for _, inner := range part {
			if !isStrict(inner) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(part, func(inner any) bool { return !isStrict(inner) })
	}
	return true
}

func isClosed(object map[string]any) bool {
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	for name := range properties {
		if !slices.Contains(required, any(name)) {
			return false
		}
	}
	return object["additionalProperties"] == false
}
