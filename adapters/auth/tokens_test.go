package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
	"ticketd/domain"
)

func TestAnAccessTokenSaysWhatTheContractSays(t *testing.T) {
	t.Parallel()
	w := newGate()
	require.Equal(t, time.Hour, w.tokens.Life())
	token, expires, err := w.tokens.Issue(acme, ann, domain.Support, signedIn)
	require.NoError(t, err)
	require.Equal(t, w.now().Add(time.Hour).Truncate(time.Second), expires)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.NotEmpty(t, claims["jti"])
	delete(claims, "jti")
	require.Equal(t, map[string]any{
		"iss": "ticketd", "sub": ann.String(), "user_id": ann.String(), "org": acme.String(), "role": "support", "sid": signedIn.String(),
		"iat": float64(w.now().Unix()), "exp": float64(expires.Unix()),
	}, claims)
}

func TestATokenWithoutASession(t *testing.T) {
	t.Parallel()
	w := newGate()
	caller, err := w.Authenticate(t.Context(), w.issue(t, uuid.Nil))
	require.NoError(t, err)
	require.Zero(t, caller.Session)
}

// Every way to come by an access token but being given it.
func TestForgeries(t *testing.T) {
	t.Parallel()
	w := newGate()
	good := w.issue(t, signedIn)
	parts := strings.Split(good, ".")
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"iss": "ticketd", "sub": ann.String(), "user_id": ann.String(), "org": acme.String(), "role": "admin",
			"exp": w.now().Add(time.Hour).Unix(), "jti": "x",
		}
		change(c)
		return c
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	unchanged := func(jwt.MapClaims) {}
	_, err := w.Authenticate(t.Context(), sign(jwt.SigningMethodHS256, secret, claims(unchanged)))
	require.NoError(t, err, "the forger's tools work")

	for name, c := range map[string]struct {
		token string
		then  *domain.Error
	}{
		"empty":          {"", auth.ErrTokenInvalid},
		"garbage":        {"garbage", auth.ErrTokenInvalid},
		"dots":           {"..", auth.ErrTokenInvalid},
		"alg none":       {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(unchanged)), auth.ErrTokenInvalid},
		"HS512":          {sign(jwt.SigningMethodHS512, secret, claims(unchanged)), auth.ErrTokenInvalid},
		"other key":      {sign(jwt.SigningMethodHS256, []byte("another secret of 32 characters!"), claims(unchanged)), auth.ErrTokenInvalid},
		"no signature":   {parts[0] + "." + parts[1] + ".", auth.ErrTokenInvalid},
		"other spelling": {good[:len(good)-1] + next(good[len(good)-1:]), auth.ErrTokenInvalid},
		"other payload":  {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"role":"admin"}`)) + "." + parts[2], auth.ErrTokenInvalid},
		"wrong issuer":   {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { c["iss"] = "somebody" })), auth.ErrTokenInvalid},
		"no issuer":      {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { delete(c, "iss") })), auth.ErrTokenInvalid},
		"no expiry":      {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { delete(c, "exp") })), auth.ErrTokenInvalid},
		"not yet":        {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { c["nbf"] = w.now().Add(time.Minute).Unix() })), auth.ErrTokenInvalid},
		"no user":        {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { delete(c, "user_id") })), auth.ErrTokenInvalid},
		"two users":      {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { c["sub"] = bob.String() })), auth.ErrTokenInvalid},
		"user no id":     {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { c["user_id"] = "ann" })), auth.ErrTokenInvalid},
		"expired":        {sign(jwt.SigningMethodHS256, secret, claims(func(c jwt.MapClaims) { c["exp"] = w.now().Unix() })), auth.ErrTokenExpired},
		"forged expired": {sign(jwt.SigningMethodHS256, []byte("x"), claims(func(c jwt.MapClaims) { c["exp"] = w.now().Unix() })), auth.ErrTokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.Authenticate(t.Context(), c.token)
			require.Equal(t, c.then, err)
			require.Equal(t, domain.Unauthenticated, domain.KindOf(err))
		})
	}
}

// next answers the letter after the last one of a signature: it differs in bits that 32 bytes leave unused.
func next(letter string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.Index(alphabet, letter)+1:][:1]
}

func FuzzAuthenticate(f *testing.F) {
	w := newGate()
	good, _, err := w.tokens.Issue(acme, ann, domain.Support, signedIn)
	require.NoError(f, err)
	for _, seed := range []string{good, "", "ai_", "ai_dev_x", "a.b.c", good + ".", good[:len(good)-1], "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bearer string) {
		caller, err := w.Authenticate(t.Context(), bearer)
		if err == nil {
			require.Equal(t, ann, caller.User)
			require.True(t, signed(bearer), "%q", bearer)
			return
		}
		require.Equal(t, domain.Unauthenticated, domain.KindOf(err), "%q", bearer)
		require.Zero(t, caller)
	})
}

// signed checks a token's signature without any library.
func signed(token string) bool {
	end := strings.LastIndex(token, ".")
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(token[:end]))
	return token[end+1:] == base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
