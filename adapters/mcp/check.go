package mcp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/domain"
)

// errArguments refuses arguments that do not fit a tool's schema.
var errArguments = &domain.Error{Kind: domain.Invalid, Code: "arguments_invalid", Message: "The arguments are not valid."}

func wrong(field, message string, values ...any) error {
	refusal := errArguments.With(fmt.Sprintf(message, values...))
	refusal.Field = field
	return refusal
}

// check answers errArguments with what is wrong with a value, in a sentence that says how it would be right. Numbers must
// be json.Numbers.
func (s *schema) check(at string, value any) error {
	switch value := value.(type) {
	case string:
		if s.Type == typeString {
			return s.checkText(at, value)
		}
	case json.Number:
		if s.Type == typeInteger || s.Type == typeNumber {
			return s.checkNumber(at, value)
		}
	case bool:
		if s.Type == typeBoolean {
			return nil
		}
	case []any:
		if s.Type == typeArray {
			return s.checkList(at, value)
		}
	case map[string]any:
		if s.Type == typeObject {
			return s.checkObject(at, value)
		}
	case nil:
		return wrong(at, "%s must be %s, not null. Leave it out instead.", subject(at), s.noun())
	}
	return wrong(at, "%s must be %s.", subject(at), s.noun())
}

func subject(at string) string {
	if at == "" {
		return "The arguments"
	}
	return at
}

// noun is what the schema asks for.
func (s *schema) noun() string {
	switch s.Type {
	case typeInteger:
		return "a whole number"
	case typeNumber:
		return "a number"
	case typeBoolean:
		return "true or false"
	case typeArray:
		return "a list"
	case typeObject:
		return "an object"
	}
	return "a text"
}

func (s *schema) checkText(at, text string) error {
	length := utf8.RuneCountInString(text)
	switch {
	case !domain.Storable(text):
		return wrong(at, "%s holds characters that are not text.", at)
	case length < s.MinLength || s.MinLength > 0 && strings.TrimSpace(text) == "":
		return wrong(at, "%s must not be empty.", at)
	case s.MaxLength > 0 && length > s.MaxLength:
		return wrong(at, "%s is %d characters long; %d is the most.", at, length, s.MaxLength)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		return wrong(at, "%s must be one of %s.", at, strings.Join(s.Enum, ", "))
	}
	switch s.Format {
	case "uuid":
		if _, err := uuid.Parse(text); err != nil || len(text) != 36 {
			return wrong(at, "%s must be an id, like 0198c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d.", at)
		}
	case "date-time":
		if t, err := time.Parse(time.RFC3339, text); err != nil || t.Year() < 1970 {
			return wrong(at, "%s must be a time since 1970, like 2026-01-31T08:00:00Z.", at)
		}
	}
	return nil
}

func (s *schema) checkNumber(at string, n json.Number) error {
	value, err := n.Float64()
	if s.Type == typeInteger && err == nil {
		_, err = strconv.Atoi(n.String())
	}
	switch {
	case err != nil:
		return wrong(at, "%s must be %s.", at, s.noun())
	case s.Minimum != nil && value < *s.Minimum:
		return wrong(at, "%s must be at least %g.", at, *s.Minimum)
	case s.Maximum != nil && value > *s.Maximum:
		return wrong(at, "%s must be at most %.0f.", at, *s.Maximum)
	}
	return nil
}

func (s *schema) checkList(at string, list []any) error {
	switch {
	case len(list) < s.MinItems:
		return wrong(at, "%s must not be empty.", at)
	case s.MaxItems > 0 && len(list) > s.MaxItems:
		return wrong(at, "%s has %d entries; %d is the most.", at, len(list), s.MaxItems)
	}
	for i, element := range list {
		if err := s.Items.check(fmt.Sprintf("%s[%d]", at, i), element); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) checkObject(at string, object map[string]any) error {
	if s.Properties == nil { // it holds what its owner likes
		return nil
	}
	for _, name := range s.order {
		if _, given := object[name]; !given && s.needed(name) {
			return wrong(within(at, name), "%s is missing.", within(at, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		property, known := s.Properties[name]
		if !known {
			return wrong(at, "%s may not hold %s, but only %s.", subject(at), shown(name), strings.Join(s.order, ", "))
		}
		if err := property.check(within(at, name), object[name]); err != nil {
			return err
		}
	}
	return nil
}

func within(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// shown is a name as a refusal may repeat it.
func shown(name string) string {
	if printable(name, 60) {
		return name
	}
	return "a field of that name"
}
