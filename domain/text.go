package domain

import (
	"strings"
	"unicode/utf8"
)

// Storable reports whether every text in a JSON value can be kept: PostgreSQL holds neither NUL nor broken UTF-8.
func Storable(value any) bool {
	switch value := value.(type) {
	case string:
		return utf8.ValidString(value) && !strings.ContainsRune(value, 0)
	case []any:
		for _, element := range value {
			if !Storable(element) {
				return false
			}
		}
	case map[string]any:
		for key, element := range value {
			if !Storable(key) || !Storable(element) {
				return false
			}
		}
	}
	return true
}
