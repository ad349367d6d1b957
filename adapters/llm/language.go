package llm

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// languageCodes tells "en" for "english": the endpoint says the name, everybody else the code.
var languageCodes = sync.OnceValue(func() map[string]string {
	codes, names := map[string]string{}, display.English.Languages()
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			code := string([]rune{a, b})
			base, err := language.ParseBase(code)
			if name := names.Name(base); err == nil && name != "" && base.String() == code {
				codes[strings.ToLower(name)] = code
			}
		}
	}
	return codes
})

// languageCode answers what it is given when it knows no better.
func languageCode(name string) string {
	if code, known := languageCodes()[strings.ToLower(name)]; known {
		return code
	}
	return name
}
