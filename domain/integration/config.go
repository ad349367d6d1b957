package integration

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Limits on what a connection may be told, in characters and in numbers.
const (
	MaxName        = 200
	MaxDescription = 2000
	MaxBaseURL     = 500
	MaxSetting     = 1000
	MaxMapped      = 255
	MaxReason      = 500
	MaxFallback    = 10
	MaxCredential  = 20_000
)

// What a mapping can name: the priorities, categories and statuses of a ticket.
var (
	priorities = []string{"low", "medium", "high", "critical"}
	categories = []string{"technical", "billing", "feature_request", "bug", "user_access", "general", "integration", "performance", "security"}
	statuses   = []string{"new", "open", "in_progress", "pending", "resolved", "closed", "cancelled"}
)

// valid answers the config without what says nothing, or ErrInvalid with the field at fault. self is whose it is.
func (c Config) valid(self uuid.UUID, p Platform) (Config, error) {
	c.Name = strings.TrimSpace(c.Name)
	if err := domain.CheckText(ErrInvalid, "name", c.Name, 1, MaxName); err != nil {
		return c, err
	}
	c.Description = strings.TrimSpace(c.Description)
	if err := domain.CheckText(ErrInvalid, "description", c.Description, 0, MaxDescription); err != nil {
		return c, err
	}
	var err error
	if c.BaseURL, err = validBase(c.BaseURL); err != nil {
		return c, err
	}
	if c.Settings, err = p.validSettings(c.Settings); err != nil {
		return c, err
	}
	if c.Mapping, err = c.Mapping.valid(); err != nil {
		return c, err
	}
	c.Fallback, err = validFallback(self, c.Fallback)
	return c, err
}

// validBase answers the address without the slash at its end. Which hosts may be reached is for whoever dials to say.
func validBase(base string) (string, error) {
	base = strings.TrimRight(strings.TrimSpace(base), "/")
	if base == "" {
		return "", nil
	}
	if err := domain.CheckText(ErrInvalid, "base_url", base, 0, MaxBaseURL); err != nil {
		return "", err
	}
	address, err := url.Parse(base)
	switch {
	case err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Hostname() == "":
		return "", ErrInvalid.On("base_url", "base_url is no address like https://example.org.")
	case address.User != nil:
		return "", ErrInvalid.On("base_url", "base_url must not hold a name or a password.")
	case strings.ContainsAny(base, "?#"):
		return "", ErrInvalid.On("base_url", "base_url must not hold a query or a fragment.")
	}
	return base, nil
}

// validSettings answers what is set to something.
func (p Platform) validSettings(settings map[string]string) (map[string]string, error) {
	known := p.Settings()
	var valid map[string]string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		field := "settings." + name
		if !slices.ContainsFunc(known, named(name)) {
			return nil, ErrInvalid.On("settings", fmt.Sprintf("%s has no setting %s; it has: %s.", p.Name(), quoted(name), names(known)))
		}
		value := strings.TrimSpace(settings[name])
		if err := domain.CheckText(ErrInvalid, field, value, 0, MaxSetting); err != nil {
			return nil, err
		}
		if value == "" {
			continue
		}
		if valid == nil {
			valid = map[string]string{}
		}
		valid[name] = value
	}
	for _, f := range known {
		if f.Required && valid[f.Name] == "" {
			return nil, ErrInvalid.On("settings."+f.Name, fmt.Sprintf("%s needs the setting %s.", p.Name(), f.Name))
		}
	}
	return valid, nil
}

// checkCredentials refuses names that the way of proof does not know, and those who would leave it without one that it needs.
func (p Platform) checkCredentials(a AuthType, given, all []string) error {
	known := p.Credentials(a)
	for _, name := range given {
		if !slices.ContainsFunc(known, named(name)) {
			return ErrInvalid.On("credentials", fmt.Sprintf("%s by %s has no credential %s; it has: %s.", p.Name(), a, quoted(name), names(known)))
		}
	}
	for _, f := range known {
		if f.Required && !slices.Contains(all, f.Name) {
			return ErrInvalid.On("credentials."+f.Name, fmt.Sprintf("%s by %s needs the credential %s.", p.Name(), a, f.Name))
		}
	}
	return nil
}

func (m Mapping) valid() (Mapping, error) {
	var valid Mapping
	for _, part := range []struct {
		name  string
		known []string
		from  map[string]string
		to    *map[string]string
	}{
		{"priority", priorities, m.Priority, &valid.Priority},
		{"category", categories, m.Category, &valid.Category},
		{"status", statuses, m.Status, &valid.Status},
	} {
		for _, key := range slices.Sorted(maps.Keys(part.from)) {
			if !slices.Contains(part.known, key) {
				return valid, ErrInvalid.On("mapping."+part.name, fmt.Sprintf("%s is no %s of a ticket; they are: %s.", quoted(key), part.name, strings.Join(part.known, ", ")))
			}
			value := strings.TrimSpace(part.from[key])
			if err := domain.CheckText(ErrInvalid, "mapping."+part.name+"."+key, value, 1, MaxMapped); err != nil {
				return valid, err
			}
			if *part.to == nil {
				*part.to = map[string]string{}
			}
			(*part.to)[key] = value
		}
	}
	return valid, nil
}

func (m Mapping) equal(other Mapping) bool {
	return maps.Equal(m.Priority, other.Priority) && maps.Equal(m.Category, other.Category) && maps.Equal(m.Status, other.Status)
}

// validFallback answers each integration once. Whether they are there cannot be known here.
func validFallback(self uuid.UUID, ids []uuid.UUID) ([]uuid.UUID, error) {
	var valid []uuid.UUID
	for _, id := range ids {
		if id == self {
			return nil, ErrInvalid.On("fallback_integration_ids", "An integration cannot fall back on itself.")
		}
		if !slices.Contains(valid, id) {
			valid = append(valid, id)
		}
	}
	if len(valid) > MaxFallback {
		return nil, ErrInvalid.On("fallback_integration_ids", fmt.Sprintf("fallback_integration_ids holds %d entries; %d is the most.", len(valid), MaxFallback))
	}
	return valid, nil
}

func named(name string) func(Field) bool { return func(f Field) bool { return f.Name == name } }

func names(fields []Field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return strings.Join(all, ", ")
}

func joined[S ~string](values []S) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

// quoted is somebody's word as a refusal repeats it.
func quoted(word string) string {
	const most = 50
	if runes := []rune(word); len(runes) > most {
		word = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", word)
}

// sorted answers each name once, in their order. It never changes what it was given.
func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
