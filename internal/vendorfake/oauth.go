package vendorfake

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// Pair is what a vendor gives to somebody who may act for a person.
type Pair struct {
	Access  string
	Refresh string
}

// The refusals of tokens.
var (
	ErrSpent   = errors.New("the refresh token was spent before")
	ErrRevoked = errors.New("the grant is revoked, or never was")
)

// tokens are the vendor's grants. A family is what one consent led to: whoever spends a refresh token twice ends all of it.
type tokens struct {
	codes      map[string]string // the challenge of PKCE, by code; empty: there is none
	access     map[string]int    // the family, by token
	refresh    map[string]int
	spent      map[string]int
	fixed      map[string]bool // tokens that do not end by themselves
	families   int
	spentTwice int
}

func (t *tokens) init() {
	t.codes, t.access, t.refresh, t.spent, t.fixed = map[string]string{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]bool{}
}

// Consent lets a person consent. It answers the code that the vendor sends back; challenge is that of PKCE (S256), or empty.
func (b *Base) Consent(challenge string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	code := "code-" + rand.Text()
	b.tokens.codes[code] = challenge
	return code
}

// Spend answers the tokens that a code stands for, once. Errors: ErrRevoked.
func (b *Base) Spend(code, verifier string) (Pair, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	challenge, known := b.tokens.codes[code]
	if !known {
		return Pair{}, ErrRevoked
	}
	delete(b.tokens.codes, code)
	if sum := sha256.Sum256([]byte(verifier)); challenge != "" && challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return Pair{}, ErrRevoked
	}
	return b.tokens.grant(), nil
}

// Grant answers the tokens of somebody who consented before.
func (b *Base) Grant() Pair {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens.grant()
}

// Refresh answers new tokens. Where refresh tokens are good for one use, a second one ends the whole family. Errors:
// ErrSpent, ErrRevoked.
func (b *Base) Refresh(token string) (Pair, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &b.tokens
	if family, again := t.spent[token]; again {
		t.spentTwice++
		t.end(family, true)
		return Pair{}, ErrSpent
	}
	family, known := t.refresh[token]
	if !known {
		return Pair{}, ErrRevoked
	}
	if b.options.EndsOld {
		t.end(family, false)
	}
	pair := Pair{Access: "access-" + rand.Text(), Refresh: token}
	t.access[pair.Access] = family
	if b.options.Rotates {
		pair.Refresh = "refresh-" + rand.Text()
		delete(t.refresh, token)
		t.spent[token], t.refresh[pair.Refresh] = family, family
	}
	return pair, nil
}

// Fix makes a token good until it is revoked, like one that a person copies from a page of the vendor.
func (b *Base) Fix(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens.fixed[token] = true
}

// Takes reports whether an access token is good.
func (b *Base) Takes(access string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, granted := b.tokens.access[access]
	return granted || b.tokens.fixed[access]
}

// ExpireTokens ends every access token that can be renewed.
func (b *Base) ExpireTokens() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.tokens.access)
}

// RevokeTokens ends every token.
func (b *Base) RevokeTokens() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.tokens.access)
	clear(b.tokens.refresh)
	clear(b.tokens.fixed)
}

// SpentTwice counts the refresh tokens that were spent again.
func (b *Base) SpentTwice() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens.spentTwice
}

func (t *tokens) grant() Pair {
	t.families++
	pair := Pair{Access: "access-" + rand.Text(), Refresh: "refresh-" + rand.Text()}
	t.access[pair.Access], t.refresh[pair.Refresh] = t.families, t.families
	return pair
}

// end ends a family's access tokens, and its refresh tokens too when all is said.
func (t *tokens) end(family int, all bool) {
	for token, of := range t.access {
		if of == family {
			delete(t.access, token)
		}
	}
	for token, of := range t.refresh {
		if all && of == family {
			delete(t.refresh, token)
		}
	}
}
