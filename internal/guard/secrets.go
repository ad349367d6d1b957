package guard

import (
	"encoding/base64"
	"strings"
)

// key is how keys of a service begin, and how long the rest is at least.
type key struct {
	prefix string
	rest   int
}

// keys are those that are known, by their first character.
var keys = byFirst([]key{
	{"sk-", 16},
	{"sk_live_", 16},
	{"sk_test_", 16},
	{"rk_live_", 16},
	{"rk_test_", 16},
	{"whsec_", 16},
	{"ghp_", 20},
	{"gho_", 20},
	{"ghu_", 20},
	{"ghs_", 20},
	{"ghr_", 20},
	{"github_pat_", 20},
	{"glpat-", 16},
	{"xoxa-", 10},
	{"xoxb-", 10},
	{"xoxe-", 10},
	{"xoxp-", 10},
	{"xoxr-", 10},
	{"xoxs-", 10},
	{"xapp-", 10},
	{"AKIA", 16},
	{"ASIA", 16},
	{"AIza", 30},
	{"ya29.", 20},
	{"SG.", 20},
	{"npm_", 30},
	{"hf_", 20},
	{"pypi-", 20},
	{"shpat_", 20},
	{"lin_api_", 20},
	{"ATATT3", 20},
	{"dop_v1_", 20},
})

func byFirst(all []key) (table [256][]key) {
	for _, k := range all {
		table[k.prefix[0]] = append(table[k.prefix[0]], k)
	}
	return table
}

// ours is how our own tokens for programs begin; up to three letters of the environment follow, and then the token.
const (
	ours         = "ai_"
	environments = 3
	oursRest     = 20
)

// keyLength answers the length of a service's key at the beginning of a text. A key has a digit, which keeps names that
// happen to begin like one.
func keyLength(text string) int {
	for _, k := range keys[text[0]] {
		if rest, ok := strings.CutPrefix(text, k.prefix); ok {
			return withRest(len(k.prefix), rest, k.rest)
		}
	}
	if rest, ok := strings.CutPrefix(text, ours); ok {
		mark := spanLength(rest[:min(len(rest), environments)], func(c byte) bool { return isLetter(c) || isDigit(c) })
		if rest, ok := strings.CutPrefix(rest[mark:], "_"); ok {
			return withRest(len(ours)+mark+1, rest, oursRest)
		}
	}
	return 0
}

func withRest(prefix int, rest string, least int) int {
	n := spanLength(rest, func(c byte) bool { return isNameByte(c) || c == '-' })
	if n < least || !strings.ContainsAny(rest[:n], "0123456789") {
		return 0
	}
	return prefix + n
}

// jwtLength answers the length of a token of three parts, the first and second of which are objects of JSON.
func jwtLength(text string) int {
	length := 0
	for part := range 3 {
		n := spanLength(text[length:], func(c byte) bool { return isNameByte(c) || c == '-' })
		if part < 2 && (n < 6 || !strings.HasPrefix(text[length:], "eyJ") || !strings.HasPrefix(text[length+n:], ".")) {
			return 0
		}
		length += n
		if part < 2 {
			length++
		}
	}
	return length
}

// pemLength answers the length of a private key at the beginning of a text; of one without an end, the rest of the text.
func pemLength(text string) int {
	rest, ok := strings.CutPrefix(text, "-----BEGIN ")
	if !ok {
		return 0
	}
	kind, body, ok := strings.Cut(rest[:min(len(rest), 60)], "-----")
	if !ok || !strings.Contains(kind, "PRIVATE KEY") {
		return 0
	}
	start := len(text) - len(rest) + len(rest[:min(len(rest), 60)]) - len(body)
	footer := "-----END " + kind + "-----"
	end := strings.Index(text[start:], footer)
	if end < 0 {
		return len(text)
	}
	return start + end + len(footer)
}

const (
	// widestSpace is how much room may be between a word, a sign and a value.
	widestSpace = 4
	// longestValue is that of a value in quotes, or of the names in an address.
	longestValue = 512
)

// schemeValue answers where the credentials are in "Bearer ..." and "Basic ...".
func schemeValue(text string) (start, end int) {
	if text[0]|0x20 != 'b' {
		return 0, 0
	}
	word := spanLength(text[:min(len(text), longestWord)], isLetter)
	scheme := strings.ToLower(text[:word])
	space := spanLength(text[word:min(len(text), word+widestSpace)], func(c byte) bool { return c == ' ' })
	if space == 0 || scheme != "bearer" && scheme != "basic" {
		return 0, 0
	}
	start = word + space
	value := text[start:]
	value = value[:spanLength(value, func(c byte) bool { return isRunByte(c) || c == '.' || c == '~' || c == '=' })]
	value = strings.TrimRight(value, ".")
	if scheme == "basic" {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil || !strings.Contains(string(decoded), ":") {
			return 0, 0
		}
		return start, start + len(value)
	}
	if len(value) < 8 || !strings.ContainsAny(value, "0123456789") {
		return 0, 0
	}
	return start, start + len(value)
}

// authorityBytes are what is before the path of an address.
var authorityBytes = bytesBut("/?#\"'<>`")

// addressPassword answers where the password is in "://name:password@host".
func addressPassword(text string) (start, end int) {
	rest, ok := strings.CutPrefix(text, "://")
	if !ok {
		return 0, 0
	}
	rest = rest[:min(len(rest), longestValue)]
	rest = rest[:spanLength(rest, func(c byte) bool { return authorityBytes[c] })]
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return 0, 0
	}
	_, password, ok := strings.Cut(rest[:at], ":")
	if !ok || password == "" || isNoValue(password) {
		return 0, 0
	}
	end = len("://") + at
	return end - len(password), end
}
