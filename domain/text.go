package domain

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep a JSON value may be nested: one that is bottomless would exhaust PostgreSQL's stack.
const MaxDepth = 32

// Storable reports whether a text can be kept: PostgreSQL holds neither NUL nor broken UTF-8.
func Storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// CheckText answers the refusal for a text of blanks where one must be (least is 1, not 0), with more characters than the most,
// or that is not Storable.
func CheckText(refusal *Error, field, text string, least, most int) error {
	length := utf8.RuneCountInString(text)
	switch {
	case least > 0 && strings.TrimSpace(text) == "":
		return refusal.On(field, fmt.Sprintf("%s must not be empty.", field))
	case length > most:
		return refusal.On(field, fmt.Sprintf("%s is %d characters long; %d is the most.", field, length, most))
	case !Storable(text):
		return refusal.On(field, fmt.Sprintf("%s holds characters that are not text.", field))
	}
	return nil
}

// Unstorable answers why a JSON object cannot be kept, as what completes a sentence that begins with its name: because
// of a text that is not Storable, or because of its depth. Empty if it can.
func Unstorable(object map[string]any) string { return unstorable(object, MaxDepth) }

// unstorable is Unstorable for any JSON value, with so many levels left.
func unstorable(value any, levels int) string {
	switch value := value.(type) {
	case string:
		if !Storable(value) {
			return "holds characters that are not text"
		}
	case []any:
		if levels == 0 {
			return tooDeep()
		}
		for _, element := range value {
			if why := unstorable(element, levels-1); why != "" {
				return why
			}
		}
	case map[string]any:
		if levels == 0 {
			return tooDeep()
		}
		for key, element := range value {
			for _, part := range []any{key, element} {
				if why := unstorable(part, levels-1); why != "" {
					return why
				}
			}
		}
	}
	return ""
}

func tooDeep() string { return fmt.Sprintf("is nested more than %d levels deep", MaxDepth) }
