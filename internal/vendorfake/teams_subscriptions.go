package vendorfake

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	teamsLife      = 4320 * time.Minute
	teamsShortLife = time.Hour       // more needs an address for what becomes of the subscription
	teamsPatience  = 5 * time.Second // Graph's is ten
)

// TeamsSubscription is what Graph sends notices by.
type TeamsSubscription struct {
	ID        string    `json:"id"`
	Changes   string    `json:"changeType"`
	Resource  string    `json:"resource"`
	URL       string    `json:"notificationUrl"`
	Lifecycle string    `json:"lifecycleNotificationUrl"`
	State     string    `json:"clientState"`
	Ends      time.Time `json:"expirationDateTime"`
}

// Later moves Graph's clock.
func (v *Teams) Later(d time.Duration) { v.with(func() { v.later += d }) }

// Subscriptions lists those that have not ended.
func (v *Teams) Subscriptions() []TeamsSubscription {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.endSubscriptions()
	return slices.Clone(v.subscribed)
}

// endSubscriptions forgets those whose time is over.
func (v *Teams) endSubscriptions() {
	now := time.Now().Add(v.later)
	v.subscribed = slices.DeleteFunc(v.subscribed, func(s TeamsSubscription) bool { return !s.Ends.After(now) })
}

// Notify sends what happened last to a ticket to everybody who has subscribed, as Graph does. Errors: when an answer is no 2xx.
func (v *Teams) Notify(ctx context.Context, ticket string) error {
	for _, s := range v.Subscriptions() {
		r := v.notice(ticket, s.ID, s.State)
		address, err := url.Parse(s.URL)
		if err != nil {
			return err
		}
		r.URL = address
		answer, err := teamsCaller().Do(r.WithContext(ctx))
		if err != nil {
			return err
		}
		_ = answer.Body.Close() // nothing of it is read
		if answer.StatusCode/100 != 2 {
			return errors.New(answer.Status)
		}
	}
	return nil
}

// teamsCaller leaves nothing open behind it.
func teamsCaller() *http.Client {
	return &http.Client{Timeout: teamsPatience, Transport: &http.Transport{DisableKeepAlives: true}}
}

func (v *Teams) subscriptions(w http.ResponseWriter, r *Request) {
	all := []any{}
	for _, s := range v.Subscriptions() {
		all = append(all, s.shown())
	}
	v.page(w, r, all)
}

// shown is a subscription without its secret, which Graph shows nobody.
func (s TeamsSubscription) shown() map[string]any {
	return map[string]any{
		"id": s.ID, "changeType": s.Changes, "resource": strings.TrimPrefix(s.Resource, "/"), "notificationUrl": s.URL,
		"lifecycleNotificationUrl": s.Lifecycle, "clientState": nil, "expirationDateTime": s.Ends.UTC().Format(time.RFC3339),
	}
}

func (v *Teams) subscribe(w http.ResponseWriter, r *Request) {
	var s TeamsSubscription
	_ = r.JSON(&s) // valid by the description
	s.ID = uuid.NewString()
	switch {
	case strings.TrimPrefix(s.Resource, "/") != "teams/"+teamsTeam+"/channels/"+teamsChannel+"/messages":
		teamsRefuse(w, http.StatusNotFound, "ResourceNotFound", "The resource "+s.Resource+" is not found.")
		return
	case s.Lifecycle == "" && s.Ends.After(v.clock().Add(teamsShortLife)):
		teamsRefuse(w, http.StatusBadRequest, "InvalidRequest", "lifecycleNotificationUrl is required for this expirationDateTime.")
		return
	case !v.lasts(w, s.Ends):
		return
	case len(v.Subscriptions()) > 0:
		teamsRefuse(w, http.StatusForbidden, "Forbidden", "The limit of 1 subscription for an application and a channel is reached.")
		return
	}
	for _, address := range []string{s.URL, s.Lifecycle} {
		if address != "" && !teamsWelcome(r.Context(), address) {
			teamsRefuse(w, http.StatusBadRequest, "ValidationError", "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.")
			return
		}
	}
	v.with(func() { v.subscribed = append(v.subscribed, s) })
	Answer(w, http.StatusCreated, s.shown())
}

func (v *Teams) clock() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Now().Add(v.later)
}

// lasts refuses a subscription that would have ended already, or would last too long.
func (v *Teams) lasts(w http.ResponseWriter, ends time.Time) bool {
	if now := v.clock(); ends.After(now) && !ends.After(now.Add(teamsLife)) {
		return true
	}
	teamsRefuse(w, http.StatusBadRequest, "ExtensionError", "Subscription expiration can only be 4320 minutes in the future.")
	return false
}

// teamsWelcome asks an address whether it wants notices: it must answer the token that it is sent, as plain text.
func teamsWelcome(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	token := "Validation: Testing client application reachability for subscription Request-Id: " + rand.Text()
	query := u.Query()
	query.Set("validationToken", token)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := teamsCaller().Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }() // everything was read
	said, err := io.ReadAll(io.LimitReader(answer.Body, int64(len(token)+1)))
	return err == nil && answer.StatusCode == http.StatusOK && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") && string(said) == token
}

// subscription changes the one of a path. false: there is none, which was answered.
func (v *Teams) subscription(w http.ResponseWriter, r *Request, change func(at int)) bool {
	v.mu.Lock()
	v.endSubscriptions()
	at := slices.IndexFunc(v.subscribed, func(s TeamsSubscription) bool { return s.ID == r.Params["subscription-id"] })
	if at >= 0 {
		change(at)
	}
	v.mu.Unlock()
	if at < 0 {
		teamsRefuse(w, http.StatusNotFound, "ResourceNotFound", "The object was not found.")
	}
	return at >= 0
}

func (v *Teams) renewSubscription(w http.ResponseWriter, r *Request) {
	var asked, s TeamsSubscription
	_ = r.JSON(&asked) // valid by the description
	if !v.lasts(w, asked.Ends) {
		return
	}
	if v.subscription(w, r, func(at int) { v.subscribed[at].Ends, s = asked.Ends, v.subscribed[at] }) {
		Answer(w, http.StatusOK, s.shown())
	}
}

func (v *Teams) unsubscribe(w http.ResponseWriter, r *Request) {
	if v.subscription(w, r, func(at int) { v.subscribed = slices.Delete(v.subscribed, at, at+1) }) {
		w.WriteHeader(http.StatusNoContent)
	}
}
