package teams

import (
	"encoding/json"
	"net/http"
	"strings"

	"ticketd/commands"
)

// words answers what Microsoft says is wrong, as a sentence; empty when it says nothing. Graph says it in an object, the login in
// a text with traces below.
func words(_ int, body []byte) string {
	var said struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var object struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(said.Error, &object.Code) == nil {
		object.Message, _, _ = strings.Cut(said.Description, "\n")
		object.Message, _, _ = strings.Cut(object.Message, " Trace ID:")
	} else if json.Unmarshal(said.Error, &object) != nil {
		return ""
	}
	switch what := strings.Trim(object.Code+": "+strings.TrimSpace(object.Message), ": "); what {
	case "":
		return ""
	default:
		return "Microsoft says: " + what
	}
}

// judge answers what a status of Graph's does not tell. A token of an application, not of a person, is refused as if it were
// unknown; and where there is no room for a file, a link must do.
func judge(status int, _ http.Header, body []byte) *commands.VendorError {
	switch {
	case status == http.StatusInsufficientStorage:
		return &commands.VendorError{Kind: commands.TooLarge, Message: "There is no room left for files in Microsoft SharePoint."}
	case status == http.StatusUnauthorized && strings.Contains(string(body), "application-only"):
		return &commands.VendorError{Kind: commands.Denied, Message: words(status, body)}
	}
	return nil
}
