package guard

import "strings"

// naming is what a name says about a value.
type naming int

const (
	harmless naming = iota
	// suspicious names stand for secrets, and for much else.
	suspicious
	secret
)

const (
	// longestName is that of what something is assigned to.
	longestName = 64
	// telling is how much of a value without quotes is looked at, to tell whether it is a secret.
	telling = 64
)

// secretNames is how names of secrets end, without the signs that divide them.
var secretNames = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "sharedkey", "signingkey",
	"encryptionkey", "credential", "credentials",
}

var dividers = strings.NewReplacer("_", "", "-", "", ".", "")

// nameOf answers what a name says.
func nameOf(name string) naming {
	name = dividers.Replace(strings.ToLower(name))
	for _, end := range secretNames {
		if strings.HasSuffix(name, end) {
			return secret
		}
	}
	if strings.HasSuffix(name, "token") || strings.HasSuffix(name, "signature") || name == "sig" {
		return suspicious
	}
	return harmless
}

// assignedValue answers where the value is of an assignment to something that is secret by its name.
func assignedValue(text string) (start, end int) {
	i := spanLength(text[:min(len(text), longestName)], func(c byte) bool { return isNameByte(c) || c == '.' || c == '-' })
	written := text[:i]
	i += quoteLength(text[i:])
	i += spaceLength(text[i:])
	sign := byte(0)
	for range 2 { // ":=", "=>" and "==" as well
		if i < len(text) && strings.IndexByte(":=>", text[i]) >= 0 {
			sign = max(sign, text[i]) // "=" is more of an assignment than ":"
			i++
		}
	}
	if sign == 0 {
		return 0, 0
	}
	name := nameOf(written)
	if name == harmless {
		return 0, 0
	}
	i += spaceLength(text[i:])
	quote := quoteLength(text[i:])
	value, quoted := quotedValue(text[i:], quote)
	if quoted {
		i += quote
	} else {
		value = text[i:min(len(text), i+telling)]
		value = value[:spanLength(value, isValueByte)]
	}
	end = i + len(value)
	if !isSecretValue(value, name, quoted || sign != ':', text[end:]) {
		return 0, 0
	}
	if !quoted {
		end += spanLength(text[end:], isValueByte)
	}
	return i, end
}

// valueBytes are what a value without quotes consists of.
var valueBytes = bytesBut(",;\"'<>&)}|`")

func isValueByte(c byte) bool { return valueBytes[c] }

// bytesBut answers all that are no space, and none of these.
func bytesBut(these string) (set [256]bool) {
	for c := range set {
		set[c] = c > ' ' && strings.IndexByte(these, byte(c)) < 0
	}
	return set
}

// quoteLength answers the length of a quote, which a backslash may be before.
func quoteLength(text string) int {
	n := 0
	if strings.HasPrefix(text, `\`) {
		n++
	}
	if n < len(text) && strings.IndexByte("\"'`", text[n]) >= 0 {
		return n + 1
	}
	return 0
}

func spaceLength(text string) int {
	return spanLength(text[:min(len(text), widestSpace)], func(c byte) bool { return c == ' ' || c == '\t' })
}

// quotedValue answers what is between quotes of this length, on one line.
func quotedValue(text string, quote int) (value string, ok bool) {
	if quote == 0 {
		return "", false
	}
	mark, inside := text[:quote], text[quote:]
	inside = inside[:min(len(inside), longestValue)]
	value, _, ok = strings.Cut(inside, mark)
	return value, ok && !strings.Contains(value, "\n")
}

// noValues are what people write where a secret would be.
var noValues = words(`null nil none true false yes no on off undefined required optional missing invalid incorrect wrong bad weak expired reset changed
	unchanged updated rotated revoked empty unset hidden masked redacted removed string must should is was are not the a an your my enter forgotten secret
	password changeme example unknown ok failed rejected accepted error`)

// isNoValue reports what is no value but stands for one.
func isNoValue(value string) bool {
	bare := strings.Trim(value, ".!?:*_-")
	return bare == "" || strings.IndexByte("<[{$%", value[0]) >= 0 || noValues[strings.ToLower(bare[:min(len(bare), longestWord)])] ||
		strings.Trim(value, value[:1]) == "" || strings.Contains(value, redacted)
}

// isSecretValue reports whether a value is a secret, given how it is named, and whether it is surely assigned: a colon is
// also what a sentence goes on behind.
func isSecretValue(value string, name naming, assigned bool, after string) bool {
	if len(value) < 3 {
		return false
	}
	digits := strings.ContainsAny(value, "0123456789")
	if name == suspicious {
		return digits && len(value) >= 8 && strings.Trim(value, "0123456789") != "" && !isNoValue(value)
	}
	if isNoValue(value) {
		return false
	}
	if assigned || digits || strings.ContainsAny(value, "!@#$%^&*+=?~") {
		return true
	}
	rest := strings.TrimLeft(after[:min(len(after), widestSpace)], " \t")
	return rest == "" || rest[0] == '\n' || rest[0] == '\r' // nothing goes on
}
