package llm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"ticketd/commands"
)

const (
	longestCallID = 40
	longestName   = 64
)

var (
	plainWord = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	strange   = regexp.MustCompile(`[^a-zA-Z0-9_-]`)
)

// callID answers an id that every provider takes: another one may have made it, and they refuse what is not their own.
func callID(id string) string {
	if len(id) <= longestCallID && plainWord.MatchString(id) {
		return id
	}
	hash := sha256.Sum256([]byte(id))
	return "call_" + hex.EncodeToString(hash[:16])
}

// toolName answers a name that every provider takes: a model may have called a tool that nobody could have.
func toolName(name string) string {
	name = strange.ReplaceAllString(name, "_")
	return cmp.Or(name[:min(len(name), longestName)], "_")
}

// distinguish gives each call an id of its own in the conversation. Not every endpoint does, and results and idempotency
// hang on it.
func distinguish(p commands.Prompt, calls []commands.ToolCall) {
	seen := map[string]bool{}
	for i := range calls {
		if calls[i].ID == "" || seen[calls[i].ID] {
			calls[i].ID = fmt.Sprintf("call_%d_%d", len(p.Turns), i)
		}
		seen[calls[i].ID] = true
	}
}
