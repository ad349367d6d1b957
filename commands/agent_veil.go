package commands

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"ticketd/internal/guard"
)

// veil stands between people's words and the model in one run.
type veil struct {
	boundary guard.Boundary
	people   *guard.Pseudonyms
}

// newVeil makes the veil of a prompt. Nobody can guess its boundary who does not know the secret, and whoever comes to know
// one cannot write it into a prompt without changing it. The same prompt has the same, so that its answer can be remembered.
func newVeil(secret []byte, parts ...string) veil {
	mac := hmac.New(sha256.New, secret)
	for _, part := range parts {
		_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // a hash takes everything
		_, _ = mac.Write([]byte(part))
	}
	return veil{boundary: guard.Boundary(mac.Sum(nil)[:16]), people: guard.NewPseudonyms()}
}

// fence wraps somebody's words, so that they are read as data.
func (v veil) fence(kind, name, text string) string {
	return v.boundary.Fence(kind, v.harmless(name), v.harmless(text))
}

// fenceResult is fence for what a tool said, of which so many characters are shown: what is cut off is read no more as
// the document that it was.
func (v veil) fenceResult(tool, result string, most int) string {
	return v.boundary.Fence("tool", v.harmless(tool), beginning(v.harmless(storable(result)), most))
}

// harmless marks tricks before it looks for people, whom a hidden character would else hide from it.
func (v veil) harmless(text string) string {
	return changeTexts(readable(text), func(name, text string) string {
		marked, _ := guard.Neutralise(text)
		return v.hideNamed(name, marked)
	})
}

// hide takes people out of the model's own words, before they are shown to it again.
func (v veil) hide(text string) string { return changeTexts(readable(text), v.hideNamed) }

// hideNamed takes people out of a text, with a view to how it is named: nine digits may be anything, but not as an "ssn".
func (v veil) hideNamed(name, text string) string {
	if name != "" {
		if hidden, ok := strings.CutPrefix(v.people.Hide(name+": "+text), name+": "); ok {
			return hidden
		}
	}
	return v.people.Hide(text)
}

// lift puts people back into the model's words, and takes secrets out.
func (v veil) lift(text string) string {
	clean, _ := guard.Redact(text)
	return v.people.Restore(clean)
}

// liftDocument is lift for what should be JSON: a document stays one, whatever is put back into it.
func (v veil) liftDocument(document string) string {
	return changeTexts(document, func(_, text string) string { return v.lift(text) })
}

// replaced counts what the model was not shown, for the audit.
func (v veil) replaced() map[string]int {
	var counts map[string]int
	for kind, n := range v.people.Counts() {
		if counts == nil {
			counts = map[string]int{}
		}
		counts[strings.ToLower(string(kind))] = n
	}
	return counts
}
