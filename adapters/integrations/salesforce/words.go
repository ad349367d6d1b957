package salesforce

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"ticketd/commands"
)

// exhausted is how long an account rests whose requests of a day are used up. Salesforce counts the last 24 hours, so that
// some are free again before long.
const exhausted = time.Hour

// fault is one of the errors in an answer.
type fault struct {
	Message string   `json:"message"`
	Code    string   `json:"errorCode"`
	Fields  []string `json:"fields"`
}

func faults(body []byte) []fault {
	var all []fault
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	return all
}

// words answers what an answer says is wrong.
func words(_ int, body []byte) string {
	var said []string
	for _, f := range faults(body) {
		text := strings.TrimSpace(f.Message)
		if text == "" {
			text = f.Code
		}
		if len(f.Fields) > 0 {
			text += " (" + strings.Join(f.Fields, ", ") + ")"
		}
		said = append(said, text)
	}
	if len(said) == 0 {
		return ""
	}
	return "Salesforce says: " + strings.Join(said, "; ")
}

// codes are those that say more than the status that they come with.
var codes = map[string]commands.VendorErrorKind{
	"INVALID_SESSION_ID":                            commands.Unauthorized,
	"INVALID_AUTH_HEADER":                           commands.Unauthorized,
	"REQUEST_LIMIT_EXCEEDED":                        commands.Limited,
	"UNABLE_TO_LOCK_ROW":                            commands.Busy,
	"ENTITY_IS_DELETED":                             commands.Missing,
	"NOT_FOUND":                                     commands.Missing,
	"INVALID_CROSS_REFERENCE_KEY":                   commands.Missing,
	"INSUFFICIENT_ACCESS":                           commands.Denied,
	"INSUFFICIENT_ACCESS_OR_READONLY":               commands.Denied,
	"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": commands.Denied,
	"API_DISABLED_FOR_ORG":                          commands.Denied,
	"API_CURRENTLY_DISABLED":                        commands.Denied,
	"STORAGE_LIMIT_EXCEEDED":                        commands.TooLarge,
	"FILE_SIZE_LIMIT_EXCEEDED":                      commands.TooLarge,
	"INVALID_TYPE":                                  commands.Denied, // Case itself is not to be seen
}

// judge answers what is wrong by the code of an answer's first error.
func judge(status int, _ http.Header, body []byte) *commands.VendorError {
	if status < http.StatusBadRequest {
		return nil
	}
	all := faults(body)
	if len(all) == 0 {
		return nil
	}
	kind, known := codes[all[0].Code]
	if !known {
		return nil
	}
	wrong := &commands.VendorError{Kind: kind, Message: words(status, body)}
	if kind == commands.Limited {
		wrong.RetryAt = time.Now().Add(exhausted)
	}
	return wrong
}
