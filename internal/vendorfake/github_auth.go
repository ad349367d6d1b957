package vendorfake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What the fake GitHub knows of the app.
const (
	githubApp          = "Iv1.githubapp"
	githubInstallation = "4711"
	githubMint         = "POST /app/installations/{installation_id}/access_tokens"
)

// ConnectByApp answers the body that connects by a GitHub App, whose key is made then.
func (g *GitHub) ConnectByApp() map[string]any {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // there is no machine without randomness
	}
	g.mu.Lock()
	g.key = key
	g.mu.Unlock()
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	body := g.Connect()
	body["auth_type"] = "app"
	body["credentials"] = map[string]any{"app_id": githubApp, "installation_id": githubInstallation, "private_key": string(text), "webhook_secret": githubSecret}
	return body
}

// admit lets in who has a token, and an app with its own proof where it fetches one.
func (g *GitHub) admit(w http.ResponseWriter, r *Request) bool {
	if agent := r.Header.Get("User-Agent"); agent == "" || strings.HasPrefix(agent, "Go-http-client") {
		r.Wrong("it does not say who asks")
		githubRefuse(w, http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
		return false
	}
	proof, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	good := g.Takes
	if r.Operation == githubMint {
		good = g.proves
	}
	if bearer && good(proof) {
		return true
	}
	githubRefuse(w, http.StatusUnauthorized, "Bad credentials")
	return false
}

// proves reports whether a proof is the app's, and good for ten minutes at most.
func (g *GitHub) proves(proof string) bool {
	g.mu.Lock()
	key := g.key
	g.mu.Unlock()
	if key == nil {
		return false
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(proof, &claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(githubApp), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	return err == nil && claims.IssuedAt != nil && claims.ExpiresAt.Sub(claims.IssuedAt.Time) <= 10*time.Minute
}

// isApp reports whether an app's token asks.
func (g *GitHub) isApp(r *Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.installations[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
}

func (g *GitHub) mint(w http.ResponseWriter, r *Request) {
	if r.Params["installation_id"] != githubInstallation {
		githubRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	token := g.Grant().Access
	g.mu.Lock()
	g.installations[token] = true
	g.mu.Unlock()
	Answer(w, http.StatusCreated, map[string]any{
		"token": token, "expires_at": githubTime(time.Now().Add(time.Hour)),
		"permissions": map[string]string{"issues": "write", "contents": "write", "metadata": "read"}, "repository_selection": "selected",
	})
}

// tokens answers refusals with the status of a success, as GitHub does.
func (g *GitHub) tokens(w http.ResponseWriter, r *Request) {
	asked, _ := url.ParseQuery(string(r.Data)) // valid by the description
	refuse := func(code, words string) {
		Answer(w, http.StatusOK, map[string]any{"error": code, "error_description": words, "error_uri": "https://docs.github.com/apps"})
	}
	if asked.Get("client_id") != githubClient || asked.Get("client_secret") != githubProof {
		refuse("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
		return
	}
	var pair Pair
	var err error
	if asked.Get("grant_type") == "refresh_token" {
		if pair, err = g.Refresh(asked.Get("refresh_token")); err != nil {
			refuse("bad_refresh_token", "The refresh token passed is incorrect or expired.")
			return
		}
	} else if pair, err = g.Spend(asked.Get("code"), asked.Get("code_verifier")); err != nil {
		refuse("bad_verification_code", "The code passed is incorrect or expired.")
		return
	}
	Answer(w, http.StatusOK, map[string]any{
		"access_token": pair.Access, "expires_in": 28800, "refresh_token": pair.Refresh, "refresh_token_expires_in": 15_897_600, "scope": "", "token_type": "bearer",
	})
}
