package guard

import (
	"slices"
	"strings"
)

// Secret is a kind of what Redact takes out.
type Secret string

// The secrets.
const (
	APIKey     Secret = "api_key"      // with a prefix that tells whose it is
	PrivateKey Secret = "private_key"  // in PEM
	JWT        Secret = "jwt"          // signed or not
	Bearer     Secret = "bearer"       // what is behind that word, or behind "Basic"
	Password   Secret = "password"     // assigned to something named like that, or in an address
	Random     Secret = "high_entropy" // 32 characters and more that nobody has thought up
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// Redact takes what looks like a secret out of a model's answer, and reports what it was, each kind once. To redact an
// answer again changes nothing.
//
// UUIDs and hexadecimal digests are no secrets, and a secret that looks like one stays; so does a password in a sentence
// ("the password is ..."), for it looks like a word.
func Redact(answer string) (clean string, found []Secret) {
	r := redactor{text: answer}
	for r.at < len(answer) {
		r.step()
	}
	if len(r.found) == 0 {
		return answer, nil
	}
	r.out.WriteString(answer[r.done:])
	slices.Sort(r.found)
	return r.out.String(), slices.Compact(r.found)
}

type redactor struct {
	text  string
	at    int
	done  int // how far it is written
	out   strings.Builder
	found []Secret
}

// step takes out what begins here, or goes on by a character.
func (r *redactor) step() {
	rest, before := r.text[r.at:], r.before()
	switch {
	case rest[0] == '-' && before != '-':
		if n := pemLength(rest); n > 0 {
			r.take(PrivateKey, 0, n)
			return
		}
	case rest[0] == ':':
		if start, end := addressPassword(rest); end > 0 {
			r.take(Password, start, end)
			return
		}
	}
	if isRunByte(rest[0]) && r.token(rest, before) {
		return
	}
	r.at += max(1, spanLength(rest, isNameByte)) // nothing begins in the middle of a name
}

// before answers the character before, 0 at the beginning. Where a secret was, it is the end of what stands there now, or
// the next time more might be found.
func (r *redactor) before() byte {
	switch r.at {
	case 0:
		return 0
	case r.done:
		return redacted[len(redacted)-1]
	}
	return r.text[r.at-1]
}

// token takes out a secret that is a word, or has a word before it, and reports whether it did.
func (r *redactor) token(rest string, before byte) bool {
	if !isRunByte(before) {
		if n := integrityLength(rest); n > 0 {
			r.at += n
			return true
		}
	}
	if isNameByte(rest[0]) && !isNameByte(before) && before != '-' && before != '.' && r.named(rest) {
		return true
	}
	if !isRunByte(before) {
		if n := runLength(rest, isRunByte); n >= minRandom && isRandomRun(rest[:n]) {
			return r.take(Random, 0, n)
		}
	}
	if !isPartByte(before) {
		if n := runLength(rest, isPartByte); n >= minRandom && isRandomPart(rest[:n]) {
			return r.take(Random, 0, n)
		}
	}
	return false
}

// named takes out a secret that its first characters tell, or the words before it.
func (r *redactor) named(rest string) bool {
	if n := keyLength(rest); n > 0 {
		return r.take(APIKey, 0, n)
	}
	if n := jwtLength(rest); n > 0 {
		return r.take(JWT, 0, n)
	}
	if start, end := schemeValue(rest); end > 0 {
		return r.take(Bearer, start, end)
	}
	if start, end := assignedValue(rest); end > 0 {
		return r.take(Password, start, end)
	}
	return false
}

// take puts a mark in the place of a part of what begins here.
func (r *redactor) take(kind Secret, start, end int) bool {
	r.out.WriteString(r.text[r.done:r.at+start] + redacted)
	r.found = append(r.found, kind)
	r.at += end
	r.done = r.at
	return true
}

// isNameByte reports a character of a name in a program.
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// isPartByte reports a character of base64, but for the one that divides paths.
func isPartByte(c byte) bool { return isNameByte(c) || c == '-' || c == '+' }

func isRunByte(c byte) bool { return isPartByte(c) || c == '/' }

// runLength answers how many such characters a text begins with, and what base64 may end with.
func runLength(text string, is func(byte) bool) int {
	n := spanLength(text, is)
	for range 2 {
		if n < len(text) && text[n] == '=' {
			n++
		}
	}
	return n
}

func spanLength(text string, is func(byte) bool) int {
	n := 0
	for n < len(text) && is(text[n]) {
		n++
	}
	return n
}
