package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

func TestWhereAWebhookIsSentTo(t *testing.T) {
	t.Parallel()
	id := commands.NewID()
	for text, want := range map[string]commands.WebhookAddress{id.String(): {Integration: id}, "github": toGitHub} {
		to, err := commands.ParseWebhookAddress(text)
		require.NoError(t, err)
		require.Equal(t, want, to)
	}
	for _, text := range []string{"", "gitlab", "GitHub", "oauth", "123"} {
		_, err := commands.ParseWebhookAddress(text)
		require.ErrorIs(t, err, integration.ErrNotFound, text)
	}
}

func TestAWebhookIsTakenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, takeOnce)
}

func takeOnce(t *testing.T) {
	t.Helper()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	hook := signed("s", hint{Delivery: "d1", Tickets: []string{"7", "9", "7"}})
	g.becomes("github taken", nil, toOne(a), hook)
	require.Equal(t, []commands.Arrival{{Org: a.Org, Integration: a.Integration, Delivery: "d1", Tickets: []string{"7", "9"}}}, g.arrived())
	time.Sleep(commands.DefaultGather - 1)
	require.Zero(t, g.wakes(), "there may be more to come")
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	require.Equal(t, 1, g.wakes())
	g.becomes("github repeated", nil, toOne(a), hook)
	g.becomes("github repeated", nil, toGitHub, hook)
	require.Empty(t, g.arrived())
	g.becomes("github ignored", nil, toOne(a), signed("s", hint{Delivery: "d3", Tickets: []string{"8"}}))
	g.becomes("github taken", nil, toOne(a), signed("s", hint{Delivery: "d2", Tickets: []string{"7"}}))
	time.Sleep(commands.DefaultGather)
	synctest.Wait()
	require.Equal(t, 2, g.wakes(), "nobody is told twice, or of what lives elsewhere")
}

func TestATicketThatNobodyKnowsIsRemembered(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	hook := signed("s", hint{Delivery: "d", Tickets: []string{"8"}})
	g.becomes("github ignored", nil, toOne(a), hook)
	require.Len(t, g.arrived(), 1)
	g.becomes("github repeated", nil, toOne(a), hook)
}

func TestAWebhookThatNamesNothingMayBeAboutEverything(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	g.becomes("github taken", nil, toOne(a), signed("s", hint{Delivery: "d", All: true}))
	require.Equal(t, []commands.Arrival{{Org: a.Org, Integration: a.Integration, Delivery: "d", Everything: true}}, g.arrived())
}

func TestWhatConcernsNobodyIsNotKept(t *testing.T) {
	t.Parallel()
	for _, placed := range []bool{false, true} {
		g := newGate(t, placed)
		a := g.account("here", secret("s"))
		for _, h := range []hint{{Place: "there", Tickets: []string{"7"}}, {Place: "here"}, {Place: "here", Tickets: []string{"", "a\x00b", strings.Repeat("x", 501)}}} {
			g.becomes("github ignored", nil, toOne(a), signed("s", h))
			g.becomes("github ignored", nil, toGitHub, signed("s", h))
		}
		require.Empty(t, g.arrived())
	}
}

// Whoever cannot prove to be the vendor has nobody read a word.
func TestWhatIsNotProvedIsNotRead(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	g.account("", secret("of another"))
	body := []byte(`{"delivery":"d","tickets":["7"]}`)
	missing, tampered := raw("", time.Now(), body), raw("s", time.Now(), body)
	tampered.Body = []byte(`{"delivery":"d","tickets":["9"]}`)
	for name, hook := range map[string]commands.Webhook{"missing": missing, "tampered": tampered, "another's": raw("of another", time.Now(), body), "made up": raw("guess", time.Now(), body)} {
		became, _, err := g.take(toOne(a), hook)
		require.ErrorIs(t, err, commands.ErrUnsigned, name)
		require.Equal(t, "github unsigned", became, name)
	}
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, missing)
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, tampered)
	for _, at := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
		g.becomes("github outdated", commands.ErrOutdated, toOne(a), raw("s", time.Now().Add(at), body))
		g.becomes("github outdated", commands.ErrOutdated, toGitHub, raw("s", time.Now().Add(at), body))
	}
	_, heard := g.vendor.asked()
	require.Empty(t, heard)
	require.Empty(t, g.arrived())
}

func TestWhoTakesNoWebhooks(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	b := g.account("", secret("t"))
	unsigned := signed("s", hint{Tickets: []string{"7"}})
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, unsigned)
	g.becomes(" unknown", integration.ErrNotFound, commands.WebhookAddress{Integration: commands.NewID()}, unsigned)
	g.becomes("slack unknown", integration.ErrNotFound, commands.WebhookAddress{Platform: integration.Slack}, unsigned)
	b.Platform = integration.Slack // which nobody here speaks
	g.set(b)
	g.becomes("slack unknown", integration.ErrNotFound, toOne(b), signed("t", hint{}))
}

func TestAHandshakeIsAnsweredAsItIs(t *testing.T) {
	t.Parallel()
	for _, placed := range []bool{false, true} {
		g := newGate(t, placed)
		a := g.account("", secret("s"))
		g.broken = nil
		for _, to := range []commands.WebhookAddress{toOne(a), toGitHub} {
			became, answer, err := g.take(to, signed("s", hint{Question: "who?"}))
			require.NoError(t, err)
			require.Equal(t, "github answered", became)
			require.Equal(t, &commands.WebhookAnswer{Status: 202, Type: "text/plain", Body: []byte("who?")}, answer)
		}
		require.Empty(t, g.arrived(), "nothing is kept of it")
		became, answer, err := g.take(toOne(a), signed("s", hint{Question: "and?", Tickets: []string{"7"}}))
		require.NoError(t, err)
		require.Equal(t, "github taken", became)
		require.Equal(t, "and?", string(answer.Body), "what is taken may want an answer, too")
	}
}

func TestWhatIsProvedAndMakesNoSense(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	g.becomes("github not_understood", commands.ErrNotUnderstood, toOne(a), raw("s", time.Now(), []byte("{")))
	g.becomes("github not_understood", commands.ErrNotUnderstood, toGitHub, raw("s", time.Now(), []byte("{")))
}

func TestNamesThatCanBeKept(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	names := map[string]bool{}
	for _, delivery := range []string{"", "a\x00b", strings.Repeat("x", 501), "plain"} {
		hook := signed("s", hint{Delivery: delivery, Tickets: []string{"7"}})
		g.becomes("github taken", nil, toOne(a), hook)
		g.becomes("github repeated", nil, toOne(a), hook)
		came := g.arrived()
		require.Len(t, came, 1)
		names[came[0].Delivery] = true
		require.Equal(t, delivery != "plain", strings.HasPrefix(came[0].Delivery, "sha256:"))
		require.LessOrEqual(t, len(came[0].Delivery), 500)
	}
	require.Len(t, names, 4)
}

func TestAnIntegrationMayHaveEnough(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	enough := errors.New("enough")
	bounds := commands.WebhookBounds{Admit: func(id uuid.UUID) error { require.Equal(t, a.Integration, id); return enough }}
	g.becomes("github limited", enough, toOne(a), signed("s", hint{Tickets: []string{"7"}}), bounds)
	g.becomes("github unsigned", commands.ErrUnsigned, toOne(a), signed("guess", hint{Tickets: []string{"7"}}), bounds)
	require.Empty(t, g.arrived(), "it comes again")
}

func TestOurOwnFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", secret("s"))
	hook := signed("s", hint{Tickets: []string{"7"}})
	g.becomes("github taken", nil, toOne(a), hook)
	g.broken = errors.New("the database is away")
	g.becomes("github undone", g.broken, toOne(a), hook)
	g.becomes(" undone", g.broken, commands.WebhookAddress{Integration: commands.NewID()}, hook)
	g.becomes("github undone", g.broken, toGitHub, hook)
	g.broken = nil
	g.becomes("github repeated", nil, toGitHub, hook)
	g.broken = errors.New("it is away again")
	g.tell(a.Integration)
	g.becomes("github undone", g.broken, toGitHub, hook)
	g.broken = nil
	g.becomes("github repeated", nil, toGitHub, hook)
}

// One secret of an app serves many organizations; each hears of its own place, and nobody of another's.
func TestASharedSecretReachesThoseWhomItConcerns(t *testing.T) {
	t.Parallel()
	for _, placed := range []bool{false, true} {
		t.Run(fmt.Sprint(placed), func(t *testing.T) {
			t.Parallel()
			g := newGate(t, placed)
			first, second := g.account("here", secret("s")), g.account("here", secret("s"))
			g.account("there", secret("s"))
			g.account("here", secret("t")) // another organization, another app, and a place of the same name
			anywhere := g.account("", secret("s"))
			g.becomes("github taken", nil, toGitHub, signed("s", hint{Place: "here", Delivery: "d", Tickets: []string{"7"}}))
			var who []uuid.UUID
			for _, came := range g.arrived() {
				who = append(who, came.Integration)
			}
			require.ElementsMatch(t, []uuid.UUID{first.Integration, second.Integration}, who)
			verified, heard := g.vendor.asked()
			require.LessOrEqual(t, verified, 2, "each secret is tried once")
			if placed {
				require.ElementsMatch(t, []uuid.UUID{first.Integration, second.Integration, anywhere.Integration}, heard, "and only who may be meant is asked")
			}
		})
	}
}

// Accounts may be bound to each other by several secrets.
func TestACircleIsAskedAsAWhole(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	a := g.account("", map[string]string{"webhook_secret": "a", "client_secret": "app"})
	b := g.account("", map[string]string{"webhook_secret": "b", "client_secret": "app"})
	c := g.account("", map[string]string{"webhook_secret": "c"})
	d := g.account("", map[string]string{"webhook_secret": "d"})
	bridge := g.account("", map[string]string{"webhook_secret": "c", "client_secret": "d"})
	for secret, want := range map[string][]commands.Account{"app": {a, b}, "a": {a}, "c": {c, bridge}, "d": {d, bridge}} {
		g.becomes("github taken", nil, toGitHub, signed(secret, hint{Delivery: secret, Tickets: []string{"7"}}))
		var who, wanted []uuid.UUID
		for _, came := range g.arrived() {
			who = append(who, came.Integration)
		}
		for _, account := range want {
			wanted = append(wanted, account.Integration)
		}
		require.ElementsMatch(t, wanted, who, secret)
	}
}

// Who took a webhook is asked first the next time; from an address that has proved nothing too often, nobody else is.
func TestWhoTookAWebhookIsAskedFirst(t *testing.T) {
	t.Parallel()
	g := newGate(t, false)
	for n := range 200 {
		g.account("", secret(fmt.Sprint("secret ", n)))
	}
	hook := func(n, delivery int) commands.Webhook {
		return signed(fmt.Sprint("secret ", n), hint{Delivery: fmt.Sprint(delivery), Tickets: []string{"7"}})
	}
	brief := commands.WebhookBounds{Brief: true, Admit: open.Admit}
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, hook(0, 0), brief)
	verified, _ := g.vendor.asked()
	require.Zero(t, verified)
	for n := range 100 {
		g.becomes("github taken", nil, toGitHub, hook(n, 0))
	}
	g.vendor.asked()
	g.becomes("github taken", nil, toGitHub, hook(99, 1), brief)
	g.becomes("github taken", nil, toGitHub, hook(98, 1))
	g.becomes("github taken", nil, toGitHub, hook(98, 2))
	verified, _ = g.vendor.asked()
	require.Equal(t, 1+2+1, verified)
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, hook(0, 1), brief)
	verified, _ = g.vendor.asked()
	require.Equal(t, 64, verified)
	g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, signed("guess", hint{}))
	verified, _ = g.vendor.asked()
	require.Equal(t, 200, verified)
	g.becomes("github taken", nil, toGitHub, hook(0, 2))
}

func TestSecretsAreNotTriedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		for n := range 100 {
			g.account("", secret(fmt.Sprint("secret ", n)))
		}
		pause := func() { <-time.After(50 * time.Millisecond) }
		g.vendor.slow = pause
		g.becomes("github undone", commands.ErrUndecided, toGitHub, signed("guess", hint{}))
		verified, _ := g.vendor.asked()
		require.Less(t, verified, 30)
	})
}

func TestAnAccountIsOpenedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		a := g.account("", secret("s"))
		b := g.account("", secret("t"))
		hook := signed("s", hint{Tickets: []string{"7"}})
		for range 3 {
			_, _, err := g.take(toOne(a), hook)
			require.NoError(t, err)
			_, _, err = g.take(toGitHub, hook)
			require.NoError(t, err)
		}
		single, whole := g.looks()
		require.Equal(t, []int{1, 1}, []int{single, whole})

		// An event has that account read anew, and no other.
		a.Credentials = secret("new")
		g.set(a)
		g.becomes("github repeated", nil, toOne(a), hook)
		g.in.Observe([]eventstore.Recorded{{Stream: a.Integration, Event: "of something else"}})
		g.becomes("github repeated", nil, toOne(a), hook)
		g.tell(a.Integration)
		g.becomes("github unsigned", commands.ErrUnsigned, toOne(a), hook)
		g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, hook)
		g.becomes("github taken", nil, toGitHub, signed("new", hint{Delivery: "new", Tickets: []string{"7"}}))
		single, whole = g.looks()
		require.Equal(t, []int{2, 0}, []int{single, whole})

		// One that is gone, and one that is another platform's, take none any more.
		g.mu.Lock()
		delete(g.accounts, a.Integration)
		g.mu.Unlock()
		c := commands.Account{Integration: commands.NewID(), Platform: integration.Slack, Credentials: secret("u")}
		g.set(c)
		g.tell(a.Integration)
		g.tell(c.Integration)
		g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, signed("new", hint{}))
		g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, signed("u", hint{}))
		g.becomes(" unknown", integration.ErrNotFound, toOne(a), hook)
		_, whole = g.looks()
		require.Zero(t, whole)

		// What nobody told of is found out in 10 seconds.
		b.Credentials = secret("newer")
		g.set(b)
		late := signed("newer", hint{Delivery: "newer", Tickets: []string{"7"}})
		g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, late)
		<-time.After(10 * time.Second)
		g.becomes("github taken", nil, toGitHub, late)
		g.becomes("github repeated", nil, toOne(b), late)
	})
}

// What is used is read anew before anybody has to wait for it, and secrets are not kept open for nobody.
func TestAPlatformIsReadInAdvance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		a := g.account("", secret("s"))
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { defer close(ran); g.in.Run(ctx) }()
		<-time.After(time.Minute + time.Second)
		_, whole := g.looks()
		require.Zero(t, whole, "nobody asked")
		hook := signed("s", hint{Tickets: []string{"7"}})
		g.becomes("github taken", nil, toGitHub, hook)
		<-time.After(30 * time.Second)
		_, whole = g.looks()
		require.Equal(t, 1+6, whole)
		g.becomes("github repeated", nil, toGitHub, raw("s", time.Now(), hook.Body))
		_, whole = g.looks()
		require.Zero(t, whole, "it was there")
		<-time.After(3 * time.Minute)
		g.looks()
		<-time.After(time.Minute)
		g.tell(a.Integration)
		_, whole = g.looks()
		require.Zero(t, whole, "nobody asks any more")
		g.becomes("github repeated", nil, toGitHub, raw("s", time.Now(), hook.Body))
		_, whole = g.looks()
		require.Equal(t, 1, whole)
		cancel()
		<-ran
	})
}

// An event that comes while a platform is being read may be older or newer than what is read: it is read again.
func TestWhatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		a := g.account("", secret("s"))
		g.during = func() {
			g.during = nil
			a.Credentials = secret("new")
			g.set(a)
			g.tell(a.Integration)
		}
		g.becomes("github taken", nil, toGitHub, signed("new", hint{Tickets: []string{"7"}}))
		g.becomes("github unsigned", commands.ErrUnsigned, toGitHub, signed("s", hint{Tickets: []string{"7"}}))
	})
}

// A slow database makes no crowd.
func TestLookUpsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		g.account("", secret("s"))
		release := make(chan struct{})
		g.during = func() { <-release }
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error)
		for range 20 {
			go func() {
				_, err := g.in.Take(ctx, toGitHub, signed("s", hint{Tickets: []string{"7"}}), open)
				results <- err
			}()
		}
		synctest.Wait()
		_, whole := g.looks()
		require.Equal(t, 1, whole)
		cancel()
		for range 19 {
			require.ErrorIs(t, <-results, context.Canceled, "whoever waits may leave")
		}
		close(release)
		require.NoError(t, <-results)
	})
}

func TestMadeUpIDsDoNotTakeUpTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, false)
		slow := &slowAccounts{WebhookAccounts: g, release: make(chan struct{})}
		in := commands.NewWebhooksIn(commands.WebhookInParts{Accounts: slow, Now: time.Now, Count: func(integration.Platform, commands.WebhookOutcome) {}})
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error)
		for range 20 {
			go func() {
				_, err := in.Take(ctx, commands.WebhookAddress{Integration: commands.NewID()}, signed("", hint{}), open)
				results <- err
			}()
		}
		synctest.Wait()
		cancel()
		for range 12 {
			require.ErrorIs(t, <-results, context.Canceled)
		}
		close(slow.release)
		for range 8 {
			require.ErrorIs(t, <-results, integration.ErrNotFound)
		}
	})
}

// slowAccounts answers when it is released.
type slowAccounts struct {
	commands.WebhookAccounts
	release chan struct{}
}

// Find implements commands.WebhookAccounts.
func (s *slowAccounts) Find(ctx context.Context, id uuid.UUID) (commands.Account, error) {
	<-s.release
	return s.WebhookAccounts.Find(ctx, id)
}
