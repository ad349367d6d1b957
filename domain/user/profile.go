package user

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"ticketd/domain"
)

// Profile is what a person says about themself.
type Profile struct {
	Username    string
	Email       string
	FullName    string
	Preferences map[string]any
}

// NormalizeUsername gives the form in which a username is unique.
func NormalizeUsername(username string) string { return strings.ToLower(strings.TrimSpace(username)) }

// NormalizeEmail gives the form in which an email address is unique.
func NormalizeEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// against keeps the changes that change something, and refuses those that would leave the profile invalid.
func (c ChangeProfile) against(now Profile) (ProfileChanged, error) {
	if c.Username == nil && now.Username == now.Email {
		c.Username = c.Email // it only stands in for the address, and follows it
	}
	asked := ProfileChanged{Username: c.Username, Email: c.Email, FullName: c.FullName, Preferences: c.Preferences}
	next, err := asked.apply(now).checked()
	if err != nil {
		return ProfileChanged{}, err
	}
	if next.Preferences == nil {
		next.Preferences = map[string]any{} // a stored null would read as unchanged
	}
	changed := ProfileChanged{
		Username: changedText(c.Username, now.Username, next.Username),
		Email:    changedText(c.Email, now.Email, next.Email),
		FullName: changedText(c.FullName, now.FullName, next.FullName),
	}
	if c.Preferences != nil && !samePreferences(now.Preferences, next.Preferences) {
		changed.Preferences = &next.Preferences
	}
	return changed, nil
}

func changedText(asked *string, now, next string) *string {
	if asked == nil || now == next {
		return nil
	}
	return &next
}

func samePreferences(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool { return reflect.DeepEqual(x, y) })
}

func (e ProfileChanged) apply(p Profile) Profile {
	domain.Set(&p.Username, e.Username)
	domain.Set(&p.Email, e.Email)
	domain.Set(&p.FullName, e.FullName)
	domain.Set(&p.Preferences, e.Preferences)
	return p
}

// checked trims what people type and answers ErrInvalid with the field at fault. Without a username, the email address
// is the name to sign in with.
func (p Profile) checked() (Profile, error) {
	p.Username, p.Email = strings.TrimSpace(p.Username), strings.TrimSpace(p.Email)
	p.FullName = strings.TrimSpace(p.FullName)
	if p.Username == "" {
		p.Username = p.Email
	}
	for _, err := range []error{
		checkEmail(p.Email), checkUsername(p), domain.CheckText(ErrInvalid, "full_name", p.FullName, 0, MaxFullName), checkPreferences(p.Preferences),
	} {
		if err != nil {
			return Profile{}, err
		}
	}
	return p, nil
}

func checkUsername(p Profile) error {
	length := utf8.RuneCountInString(p.Username)
	switch {
	case length == 0:
		return ErrInvalid.On("username", "A username or an email address is needed.")
	case p.Username == p.Email: // has passed checkEmail
		return nil
	case length < MinUsername || length > MaxUsername:
		return ErrInvalid.On("username", fmt.Sprintf("username must have %d to %d characters.", MinUsername, MaxUsername))
	case strings.ContainsFunc(p.Username, notInUsername):
		return ErrInvalid.On("username", "username may hold letters, digits and the characters . _ - @ +")
	}
	return nil
}

func notInUsername(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-@+", r)
}

// checkEmail refuses what can be no address; whether there is a mailbox, only a mail can tell. An empty one is allowed.
func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	mailbox, host, _ := strings.Cut(email, "@")
	switch {
	case utf8.RuneCountInString(email) > MaxEmail:
		return ErrInvalid.On("email", fmt.Sprintf("email must have at most %d characters.", MaxEmail))
	case mailbox == "" || host == "" || strings.Contains(host, "@"), strings.ContainsFunc(email, notInEmail):
		return ErrInvalid.On("email", "email is not an address.")
	}
	return nil
}

func notInEmail(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError }

func checkPreferences(preferences map[string]any) error {
	if len(preferences) > MaxPreferences {
		return ErrInvalid.On("preferences", fmt.Sprintf("preferences holds %d entries; %d is the most.", len(preferences), MaxPreferences))
	}
	if why := domain.Unstorable(preferences); why != "" {
		return ErrInvalid.On("preferences", fmt.Sprintf("preferences %s.", why))
	}
	return nil
}

func checkRole(role domain.Role) error {
	if role.Valid() {
		return nil
	}
	return ErrInvalid.On("role", fmt.Sprintf("role must be one of %s, %s, %s, %s.", domain.Admin, domain.Support, domain.Member, domain.Auditor))
}
