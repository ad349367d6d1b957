package guard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/internal/guard"
)

// Secrets are put together here, so that nobody takes this file for a leak.
var (
	pem    = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEow\n-----END RSA PRIVATE" + " KEY-----"
	token  = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxIn0.c2lnbmF0dXJl"
	random = "q7Zr2Kx9Lw4Tn8Vb3Hs6Yd1Fm5Gc0JpQw"
)

func TestSecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		clean string
		found guard.Secret
	}{
		"Use sk-" + "proj-abcdEFGH1234567890 now":                      {"Use [redacted] now", guard.APIKey},
		"ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a":                {"[redacted]", guard.APIKey},
		"(github_pat_" + "11ABCDEFG0abcdefghijkl_MN)":                  {"([redacted])", guard.APIKey},
		"xoxb-" + "1234567890-abcdef":                                  {"[redacted]", guard.APIKey},
		"key AKIA" + "IOSFODNN7EXAMPL1.":                               {"key [redacted].", guard.APIKey},
		"AIza" + "SyD4dF9_abcdefghijklmnopqrstuvw":                     {"[redacted]", guard.APIKey},
		"ai_dev_" + random + "xyz":                                     {"[redacted]", guard.APIKey},
		"ai_pro_" + "correct-horse-battery-1x":                         {"[redacted]", guard.APIKey},
		"ai__" + "correct-horse-battery-1x, yes":                       {"[redacted], yes", guard.APIKey},
		"a\n" + pem + "\nb":                                            {"a\n[redacted]\nb", guard.PrivateKey},
		"-----BEGIN PRIVATE" + " KEY-----\nMIIEow and":                 {"[redacted]", guard.PrivateKey},
		"jwt: " + token + " ok":                                        {"jwt: [redacted] ok", guard.JWT},
		"unsigned " + "eyJ" + "hbGciOiJub25lIn0.eyJ" + "zdWIiOiIxIn0.": {"unsigned [redacted]", guard.JWT},
		"Authorization: Bearer abc123def456":                           {"Authorization: Bearer [redacted]", guard.Bearer},
		"authorization: basic dXNlcjpwYXNz":                            {"authorization: basic [redacted]", guard.Bearer},
		"password=hunter2":                                             {"password=[redacted]", guard.Password},
		"DB_PASSWORD = correcthorse;":                                  {"DB_PASSWORD = [redacted];", guard.Password},
		`{"password": "correct horse", "a": 1}`:                        {`{"password": "[redacted]", "a": 1}`, guard.Password},
		`"{\"api_key\":\"abcd\"}"`:                                     {`"{\"api_key\":\"[redacted]\"}"`, guard.Password},
		"Password: hunter2 is what I use":                              {"Password: [redacted] is what I use", guard.Password},
		"Password: correcthorse\nUser: bob":                            {"Password: [redacted]\nUser: bob", guard.Password},
		"passphrase: opensesame":                                       {"passphrase: [redacted]", guard.Password},
		"client_secret => 's3'":                                        {"client_secret => 's3'", ""},
		"client_secret => 's3cr3t'":                                    {"client_secret => '[redacted]'", guard.Password},
		"x-api-key: $ecret!":                                           {"x-api-key: $ecret!", ""},
		"spring.datasource.password=ab\"":                              {"spring.datasource.password=ab\"", ""},
		"spring.datasource.password=abc\"":                             {"spring.datasource.password=[redacted]\"", guard.Password},
		"password='unclosed":                                           {"password='unclosed", ""},
		"access_token=a1b2c3d4e5&x=1":                                  {"access_token=[redacted]&x=1", guard.Password},
		"X-Amz-Signature=" + strings.Repeat("ab12", 16):                {"X-Amz-Signature=[redacted]", guard.Password},
		"postgres://bob:s3cr3t@db:5432/x":                              {"postgres://bob:[redacted]@db:5432/x", guard.Password},
		"the value " + random + " is":                                  {"the value [redacted] is", guard.Random},
		"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1":                    {"[redacted]", guard.Random},
		"https://h/s/" + random:                                        {"https://h/s/[redacted]", guard.Random},
		"b64 " + random + "ABC=":                                       {"b64 [redacted]", guard.Random},
		strings.Repeat("0a1b2c3d4e5f", 4):                              {"[redacted]", guard.Random},
		"qWeRtYuIoPaSdFgHjKlZxCvBnMqWeRtYuI":                           {"[redacted]", guard.Random},
	} {
		clean, found := guard.Redact(text)
		assert.Equal(t, want.clean, clean)
		if want.found == "" {
			assert.Empty(t, found, text)
		} else {
			require.Equal(t, []guard.Secret{want.found}, found, text)
		}
		again, found := guard.Redact(clean)
		require.Equal(t, clean, again, "once is enough")
		require.Empty(t, found)
	}
	clean, found := guard.Redact("password=a1b2 and pwd=c3d4 for " + token)
	require.Equal(t, "password=[redacted] and pwd=[redacted] for [redacted]", clean)
	require.Equal(t, []guard.Secret{guard.JWT, guard.Password}, found)
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "The password was reset. Please sign in again.", "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", strings.Repeat("0a1b2c3d", 16),
		"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "/api/v1/orgs/550e8400-e29b-41d4-a716-446655440000/files/da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"src/Components/TicketList/TicketListItemRenderer2.tsx", "https://docs.example.com/guides/2024/how-to-reset-your-password-in-10-steps", "ticketd-deployment-6d4cf56db6-7xk2q-abcdef",
		"AbstractSingletonProxyFactoryBeanRegistrar2", "2024-11-22-how-to-fix-the-bug-in-the-application", "IMG_20240131_123045_HDR_Portrait_Mode",
		"password: must be at least 8 characters", "Password: required", "password: ********", "password=<your password>", "password=${DB_PASSWORD}", "password=[EMAIL_1]",
		"password=", "password", "token == null", "Unexpected token: return", "Unexpected token = x", "max_tokens: 4096", "token: 12345678", "secret: yes", "is it a secret? no",
		"Bearer authentication", "bearer of bad news", "basic troubleshooting steps", "Basic authentication1", "Bearer abc", "sk-learn-contrib-something-else", "ask-abcdefgh1234567890ABCD",
		"AKIA", "ghp_short1", "ai_dev_tools", "ai_model_abc", "eyJ.eyJ.x", "eyJhbGciOiJIUzI1NiJ9", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----", "-----BEGIN ",
		"https://example.com/a:b@c", "https://bob@example.com/", "https://bob:@example.com", "https://example.com:8080/x", "://", strings.Repeat("a", 40), strings.Repeat("=", 40), "qwertyuiopasdfghjklzxcvbnmqwertyui", strings.Repeat("ab", 40) + "1",
		"12345678901234567890123456789012345678", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v", "password is hunter2", "a" + strings.Repeat("b.", 40) + "password=x1y2", "\xff\xfe",
		"password = \"\n\"", "secret\\", "KEY1/KEY2/12345/ABCDEFGHIJKLMNOPQRSTUVWX", "secret:", "/" + strings.Repeat("Ab1/", 10),
	} {
		clean, found := guard.Redact(text)
		assert.Equal(t, text, clean)
		assert.Empty(t, found, text)
	}
}

var secretPieces = []string{
	"password", "token", "secret", "=", ": ", "\"", "'", "\\", "hunter2", "Bearer ", "basic ", "sk-", "ghp_", "ai_dev_", "eyJhbGciOiJI", ".", "/", "-", "_", "+", "://", "@", ":", "bob", "[redacted]", "[",
	"q7Zr2Kx9Lw4Tn8Vb3Hs6", "Yd1Fm5Gc0Jp", "abcdefghijklmnop", "1", "\n", " ", "sha256-", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "d41d8cd98f00b204", "dXNlcjpwYXNz", "{", "&", "é", "\xff",
}

func TestWhatIsRedactedStaysAsItIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(secretPieces), rapid.StringN(0, 3, 8)), 0, 30).Draw(t, "text"), "")
		clean, _ := guard.Redact(text)
		again, _ := guard.Redact(clean)
		require.Equal(t, clean, again)
	})
}

func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"password=hunter2", "Bearer abc123def456", token, pem, "postgres://a:b@c", random + "/" + random, "sha256-" + random, "sk-" + random} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean, found := guard.Redact(text)
		require.Equal(t, len(found) > 0, clean != text)
		again, _ := guard.Redact(clean)
		require.Equal(t, clean, again)
	})
}
