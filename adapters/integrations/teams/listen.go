package teams

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// subscriptionLife is how long Graph keeps a subscription to messages at most.
	subscriptionLife = 4320 * time.Minute

	// renewAfter is how old a subscription becomes before it is renewed. It also ends to bring notices when the token that it was
	// made or renewed with ends, which a person's does after an hour or so; and it may not be renewed twice in ten minutes.
	renewAfter = 30 * time.Minute

	// tokenLife is how old a subscription may be that has brought all notices.
	tokenLife = time.Hour

	// stateMost is how many characters of a secret Graph takes.
	stateMost = 128
)

// changes are what a subscription tells of messages, and of the replies to them.
const changes = "created,updated,deleted"

var _ commands.Listener = connection{}

// subscription is what Graph sends notices by.
type subscription struct {
	ID   string    `json:"id"`
	URL  string    `json:"notificationUrl"`
	Ends time.Time `json:"expirationDateTime"`
}

// Listen implements commands.Listener, by a subscription to the channel's messages. Graph asks the address whether it wants that,
// before it answers. What else is subscribed for the address is of a time when the settings or the secret were others, and ends.
func (c connection) Listen(ctx context.Context, address string, begin func() error) error {
	state := c.account.Credentials["client_state"]
	switch {
	case state == "" && c.account.Credentials["webhook_secret"] != "":
		return nil // a person has made an outgoing webhook
	case state == "":
		return rejected("The credential client_state is missing, which proves Microsoft's notices: any secret of at most 128 characters.")
	case len(state) > stateMost:
		return rejected("The credential client_state is too long: Microsoft takes 128 characters.")
	case address == "":
		return commands.ErrNoAddress
	}
	team, channel, _ := strings.Cut(c.place(), "/")
	resource := "/teams/" + team + "/channels/" + channel + "/messages"
	wanted := address + "?for=" + purpose(resource, state)
	there, err := c.subscriptions(ctx, address)
	if err != nil {
		return err
	}
	listening := false
	for _, s := range there {
		switch {
		case listening || s.URL != wanted:
			err = c.unsubscribe(ctx, s)
		case c.older(s, renewAfter):
			listening, err = true, c.renewSubscription(ctx, s, begin)
		default:
			listening = true
		}
		if err != nil {
			return err
		}
	}
	if listening {
		return nil
	}
	if err := begin(); err != nil {
		return err
	}
	return c.call(ctx, outbound.Request{Method: http.MethodPost, URL: "/subscriptions", JSON: map[string]string{
		"changeType": changes, "resource": resource, "clientState": state, "expirationDateTime": c.subscriptionEnd(),
		"notificationUrl": wanted, "lifecycleNotificationUrl": wanted,
	}}, nil)
}

// purpose tells subscriptions apart: Graph shows no secret, and may write the resource in another way. It is too short to tell
// anything of the secret.
func purpose(resource, state string) string {
	sum := sha256.Sum256([]byte(resource + "\n" + state))
	return hex.EncodeToString(sum[:4])
}

// subscriptions answers those for an address.
func (c connection) subscriptions(ctx context.Context, address string) ([]subscription, error) {
	var found []subscription
	query := ""
	for range pagesMost {
		var page struct {
			Value []subscription `json:"value"`
			Next  string         `json:"@odata.nextLink"`
		}
		if err := c.get(ctx, "/subscriptions"+query, &page); err != nil {
			return nil, err
		}
		for _, s := range page.Value {
			if base, _, _ := strings.Cut(s.URL, "?"); base == address {
				found = append(found, s)
			}
		}
		if page.Next == "" {
			break
		}
		var err error
		if query, err = next(page.Next); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// older reports that a subscription was made or renewed before that while.
func (c connection) older(s subscription, while time.Duration) bool {
	return s.Ends.Sub(c.now()) < subscriptionLife-while
}

// renewSubscription renews a subscription, which may have brought nothing since its token ended.
func (c connection) renewSubscription(ctx context.Context, s subscription, begin func() error) error {
	if c.older(s, tokenLife) {
		if err := begin(); err != nil {
			return err
		}
	}
	return c.call(ctx, outbound.Request{
		Method: http.MethodPatch, URL: "/subscriptions/" + url.PathEscape(s.ID), JSON: map[string]string{"expirationDateTime": c.subscriptionEnd()},
	}, nil)
}

// unsubscribe ends a subscription. One that has ended already is none to speak of.
func (c connection) unsubscribe(ctx context.Context, s subscription) error {
	err := c.call(ctx, outbound.Request{Method: http.MethodDelete, URL: "/subscriptions/" + url.PathEscape(s.ID)}, nil)
	if gone, ok := errors.AsType[*commands.VendorError](err); ok && gone.Kind == commands.Missing {
		return nil
	}
	return err
}

// subscriptionEnd is until when a subscription can be had now. Graph's clock may be a little behind ours.
func (c connection) subscriptionEnd() string {
	return c.now().Add(subscriptionLife - time.Minute).UTC().Format(time.RFC3339)
}

func rejected(message string) error {
	return &commands.VendorError{Kind: commands.Rejected, Message: message}
}
