package outbound_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client answers one that reaches this machine.
func client(t *testing.T, o outbound.Options) *outbound.Client {
	t.Helper()
	o.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if o.Silence == 0 {
		o.Silence = 10 * time.Second
	}
	c := outbound.New(o)
	t.Cleanup(c.Close)
	return c
}

func vendor(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// refusal answers the VendorError that an error is.
func refusal(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	wrong, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok, "%v", err)
	return wrong
}

func TestARequestIsSentAsItIsWrittenAndItsAnswerRead(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("User-Agent")+" "+r.Header.Get("X-Own")+" "+string(body))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id": 7}`)
	})
	c := client(t, outbound.Options{UserAgent: "ticketd/1"})
	for name, r := range map[string]struct {
		outbound.Request
		want string
	}{
		"JSON": {outbound.Request{Method: "POST", JSON: map[string]int{"a": 1}}, `POST application/json; charset=utf-8 ticketd/1  {"a":1}`},
		"a form": {
			outbound.Request{Method: "POST", Form: url.Values{"a": {"1 2"}}, Header: map[string]string{"X-Own": "x"}},
			`POST application/x-www-form-urlencoded ticketd/1 x a=1+2`,
		},
		"bytes": {
			outbound.Request{Method: "PUT", Type: "image/png", Size: 3, Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("png")), nil }},
			`PUT image/png ticketd/1  png`,
		},
		"no bytes": {outbound.Request{Method: "PUT", Type: "image/png", Body: func() (io.ReadCloser, error) { return nil, errors.New("not asked for") }}, `PUT image/png ticketd/1`},
		"bytes of unknown length": {
			outbound.Request{Method: "PUT", Size: -1, Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("png")), nil }},
			`PUT  ticketd/1  png`,
		},
		"its own name": {outbound.Request{Method: "GET", Header: map[string]string{"User-Agent": "me"}}, `GET  me`},
	} {
		r.URL = at
		var into struct{ ID int }
		answer, err := c.Do(t.Context(), uuid.New(), r.Request, &into)
		require.NoError(t, err, name)
		require.Equal(t, r.want, answer.Header.Get("X-Seen"), name)
		require.Equal(t, http.StatusCreated, answer.Status)
		require.Equal(t, 7, into.ID, name)
	}
	_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "DELETE", URL: at}, nil)
	require.NoError(t, err)
}

func TestWhatCannotBeSentIsNotTried(t *testing.T) {
	t.Parallel()
	c := client(t, outbound.Options{})
	for _, address := range []string{"ftp://127.0.0.1/x", "file:///etc/passwd", "127.0.0.1", "http://", "http:///path", "http://[::1", "gopher://127.0.0.1:70/_"} {
		_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: address, JSON: 1}, nil)
		wrong := refusal(t, err)
		require.Equal(t, commands.Rejected, wrong.Kind, address)
		require.False(t, wrong.Unsure, address)
	}
	_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: "http://127.0.0.1", JSON: make(chan int)}, nil)
	require.Equal(t, commands.Rejected, refusal(t, err).Kind)

	lost := func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }
	_, err = c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: "http://127.0.0.1", Body: lost, Size: 5}, nil)
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "What is to be sent cannot be read at the moment."}, refusal(t, err))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Do(ctx, uuid.New(), outbound.Request{Method: "POST", URL: "http://127.0.0.1", Body: lost, Size: 5}, nil)
	require.Equal(t, context.Canceled, err)
	_, err = c.Do(ctx, uuid.New(), outbound.Request{Method: "POST", URL: "http://127.0.0.1", JSON: 1}, nil)
	require.Equal(t, context.Canceled, err)
}

func TestThisMachineIsNotReachedUnlessItIsAllowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	at := vendor(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(at, "http://"))
	require.NoError(t, err)
	c := outbound.New(outbound.Options{})
	t.Cleanup(c.Close)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[64:ff9b::7f00:1]"} {
		_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: "http://" + host + ":" + port}, nil)
		require.Error(t, err, host)
	}
	_, err = c.Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: at}, nil)
	require.Equal(t, &commands.VendorError{Kind: commands.Rejected, Message: "The address 127.0.0.1 is not public, and may not be reached."}, refusal(t, err))
	require.False(t, reached.Load())
}

func TestARedirectToAnAddressThatMayNotBeReachedIsNotFollowed(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	})
	_, err := client(t, outbound.Options{}).Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: at}, nil)
	require.Equal(t, "The address 169.254.169.254 is not public, and may not be reached.", refusal(t, err).Message)
}

func TestARedirectCarriesNoCredentialToAnotherHost(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 10)
	var at string
	other := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, at+"/home", http.StatusTemporaryRedirect)
			return
		}
		seen <- r.Header
	})
	at = vendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		case "/there-and-back":
			http.Redirect(w, r, other+"/back", http.StatusTemporaryRedirect)
		case "/here":
			http.Redirect(w, r, "/home", http.StatusTemporaryRedirect)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/home":
			seen <- r.Header
		}
	})
	c := client(t, outbound.Options{})
	secrets := map[string]string{"Authorization": "Bearer secret", "X-Api-Key": "secret", "Cookie": "a=secret", "Accept": "text/plain"}
	get := func(path string) error {
		_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: at + path, Header: secrets}, nil)
		return err
	}
	for _, path := range []string{"/away", "/there-and-back"} {
		require.NoError(t, get(path))
		there := <-seen
		require.Equal(t, "text/plain", there.Get("Accept"))
		for name := range there {
			require.NotContains(t, there.Get(name), "secret", name)
		}
		require.Empty(t, there.Get("Referer"))
	}
	require.NoError(t, get("/here"))
	require.Equal(t, "Bearer secret", (<-seen).Get("Authorization"))
	require.Equal(t, commands.Rejected, refusal(t, get("/round")).Kind)
}

func TestARedirectNeverTakesABodyElsewhereNorForgetsIt(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 10)
	home := func(r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.Method + " " + string(body)
	}
	other := vendor(t, func(_ http.ResponseWriter, r *http.Request) { home(r) })
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/302":
			http.Redirect(w, r, "/home", http.StatusFound)
		case "/307":
			http.Redirect(w, r, "/home", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		default:
			home(r)
		}
	})
	c := client(t, outbound.Options{})
	post := func(path string) error {
		_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: at + path, Form: url.Values{"client_secret": {"secret"}}}, nil)
		return err
	}
	require.NoError(t, post("/307"))
	require.Equal(t, "POST client_secret=secret", <-bodies)
	require.Equal(t, "The vendor answered 302 Found, and leads to an address that is not followed.", refusal(t, post("/302")).Message)
	require.Equal(t, commands.Rejected, refusal(t, post("/away")).Kind)
	require.Empty(t, bodies)
}

func TestWhatFailsBeforeItIsSentLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, err = client(t, outbound.Options{}).Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: at, JSON: 1}, nil)
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor cannot be reached."}, refusal(t, err))
}

func TestWhatFailsAfterItWasSentIsUnsureUnlessItIsRepeatable(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		handler http.HandlerFunc
		message string
	}{
		"gone": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "The vendor's answer was lost."},
		"half of it": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte(`{"id"`))
		}, "The vendor's answer was lost."},
		"no JSON":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) }, "The vendor's answer makes no sense."},
		"other JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[7]`)) }, "The vendor's answer makes no sense."},
		"nothing":    {func(http.ResponseWriter, *http.Request) {}, "The vendor's answer makes no sense."},
		"silence":    {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }, "The vendor said nothing for too long."},
		"half, silent": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{`))
			flush(w)
			<-r.Context().Done()
		}, "The vendor said nothing for too long."},
		"no end": {func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		}, "The vendor's answer is too long."},
		"an error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "The vendor answered 500 Internal Server Error."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := vendor(t, answer.handler)
			c := client(t, outbound.Options{Silence: 300 * time.Millisecond})
			ask := func(r outbound.Request) *commands.VendorError {
				r.URL, r.JSON = at, "x"
				var into struct{ ID int }
				_, err := c.Do(t.Context(), uuid.New(), r, &into)
				return refusal(t, err)
			}
			require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: answer.message, Unsure: true}, ask(outbound.Request{Method: "POST"}))
			require.False(t, ask(outbound.Request{Method: "POST", Repeatable: true}).Unsure)
			require.False(t, ask(outbound.Request{Method: "PUT"}).Unsure)
		})
	}
}

func flush(w http.ResponseWriter) { w.(http.Flusher).Flush() }

func TestAnAnswerOf16MegabytesIsReadWhole(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`"` + strings.Repeat("x", 16<<20-2) + `"`))
	})
	var text string
	_, err := client(t, outbound.Options{}).Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: at}, &text)
	require.NoError(t, err)
	require.Len(t, text, 16<<20-2)
}

func TestAnAnswerThatTricklesIsWaitedFor(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range []byte(`"slowly"`) {
			_, _ = w.Write([]byte{c})
			flush(w)
			<-time.After(60 * time.Millisecond)
		}
	})
	var text string
	_, err := client(t, outbound.Options{Silence: 400 * time.Millisecond}).Do(t.Context(), uuid.New(), outbound.Request{Method: "GET", URL: at}, &text)
	require.NoError(t, err)
	require.Equal(t, "slowly", text)
}

// slow gives its bytes in pieces, with a pause before each.
type slow struct {
	left  int
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	<-time.After(s.pause)
	s.left--
	return copy(p, "piece"), nil
}

func (*slow) Close() error { return nil }

func TestAnUploadMayTakeLongerThanTheSilence(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != 50 {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	c := client(t, outbound.Options{Silence: 300 * time.Millisecond})
	for _, body := range []*slow{{10, 60 * time.Millisecond}, {10, 0}} {
		_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: at, Size: 50, Body: func() (io.ReadCloser, error) { return body, nil }}, nil)
		require.NoError(t, err)
	}
	// whose own side is slower than any vendor may be
	first := io.MultiReader(&slow{1, 500 * time.Millisecond}, &slow{9, 0})
	_, err := c.Do(t.Context(), uuid.New(), outbound.Request{Method: "POST", URL: at, Size: 50, Body: func() (io.ReadCloser, error) { return io.NopCloser(first), nil }}, nil)
	require.NoError(t, err)
}

func TestAVendorThatTakesNoMoreOfAnUploadIsGivenUp(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	at := vendor(t, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) }) // a server does not notice who has gone while there is something to read
	r := outbound.Request{Method: "POST", URL: at, Size: 1 << 40, Body: func() (io.ReadCloser, error) { return io.NopCloser(rand.Reader), nil }}
	_, err := client(t, outbound.Options{Silence: 300 * time.Millisecond}).Do(t.Context(), uuid.New(), r, nil)
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor said nothing for too long.", Unsure: true}, refusal(t, err))
}

func TestAnEarlyAnswerIsHeardThoughTheUploadGoesOn(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		flush(w)
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
	})
	r := outbound.Request{Method: "POST", URL: at, Size: 8 << 20, Body: func() (io.ReadCloser, error) { return io.NopCloser(rand.Reader), nil }}
	_, err := client(t, outbound.Options{}).Do(t.Context(), uuid.New(), r, nil)
	require.Equal(t, commands.TooLarge, refusal(t, err).Kind)
}

func TestWhoGivesUpHearsTheirOwnEnd(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		if r.URL.Path == "/half" {
			_, _ = w.Write([]byte(`{`))
			flush(w)
		}
		<-r.Context().Done()
	})
	for _, path := range []string{"/", "/half"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := client(t, outbound.Options{}).Do(ctx, uuid.New(), outbound.Request{Method: "POST", URL: at + path, JSON: 1}, nil)
		cancel()
		require.Equal(t, context.DeadlineExceeded, err, path)
	}
}

func TestAVendorsWordsAndJudgementAreAskedFor(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/422":
			w.WriteHeader(http.StatusUnprocessableEntity)
		case "/spent":
			w.Header().Set("Retry-After", "7")
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, `{"ok": false, "error": "token s3cret-token and s3cret-form of x"}`)
	})
	c := client(t, outbound.Options{Clock: func() time.Time { return noon }})
	ask := func(path string, r outbound.Request) error {
		r.Method, r.URL, r.Header = "POST", at+path, map[string]string{"Authorization": "Bearer s3cret-token"}
		r.Form = url.Values{"client_secret": {"s3cret-form"}, "short": {"x"}}
		_, err := c.Do(t.Context(), uuid.New(), r, new(struct{}))
		return err
	}
	words := func(_ int, body []byte) string { return string(bytes.TrimSpace(body)) }
	judge := func(_ int, _ http.Header, body []byte) *commands.VendorError {
		if bytes.Contains(body, []byte(`"ok": false`)) {
			return &commands.VendorError{Kind: commands.Denied, Message: "No."}
		}
		return nil
	}
	limited := func(int, http.Header, []byte) *commands.VendorError {
		return &commands.VendorError{Kind: commands.Limited, Message: "Later."}
	}

	require.NoError(t, ask("/", outbound.Request{}))
	require.NoError(t, ask("/none", outbound.Request{Judge: judge}))
	require.Equal(t, &commands.VendorError{Kind: commands.Denied, Message: "No."}, refusal(t, ask("/", outbound.Request{Judge: judge})))
	require.Equal(t, `{"ok": false, "error": "token *** and *** of x"}`, refusal(t, ask("/422", outbound.Request{Words: words})).Message)
	require.Equal(t, noon.Add(7*time.Second), refusal(t, ask("/spent", outbound.Request{Judge: limited})).RetryAt)
	require.Equal(t, noon.Add(time.Minute), refusal(t, ask("/", outbound.Request{Judge: limited})).RetryAt)
}
