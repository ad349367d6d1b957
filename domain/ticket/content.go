package ticket

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"ticketd/domain"
)

// Changes names the fields of Content to change. nil leaves a field as it is; an empty value clears it.
type Changes struct {
	Title        *string
	Description  *string
	Priority     *Level
	Urgency      *Level
	Category     *Category
	Subcategory  *string
	Department   *string
	Tags         *[]string
	CustomFields *map[string]any
}

// against keeps the changes that change something, and refuses those that would leave the ticket invalid. A field that
// may not be empty falls back to its default when it is cleared; title and description have none.
func (c Changes) against(now Content) (Changes, error) {
	next := c.event(domain.UserID{}, domain.Actor{}).apply(now).withDefaults()
	if err := next.validate(); err != nil {
		return Changes{}, err
	}
	if next.Tags == nil {
		next.Tags = []string{} // a stored null would read as unchanged
	}
	if next.CustomFields == nil {
		next.CustomFields = map[string]any{}
	}
	return Changes{
		Title:        changed(c.Title, now.Title, next.Title),
		Description:  changed(c.Description, now.Description, next.Description),
		Priority:     changed(c.Priority, now.Priority, next.Priority),
		Urgency:      changed(c.Urgency, now.Urgency, next.Urgency),
		Category:     changed(c.Category, now.Category, next.Category),
		Subcategory:  changed(c.Subcategory, now.Subcategory, next.Subcategory),
		Department:   changed(c.Department, now.Department, next.Department),
		Tags:         changedDeep(c.Tags, now.Tags, next.Tags, slices.Equal),
		CustomFields: changedDeep(c.CustomFields, now.CustomFields, next.CustomFields, sameFields),
	}, nil
}

func changed[T comparable](asked *T, now, next T) *T {
	if asked == nil || now == next {
		return nil
	}
	return &next
}

func changedDeep[T any](asked *T, now, next T, same func(a, b T) bool) *T {
	if asked == nil || same(now, next) {
		return nil
	}
	return &next
}

func sameFields(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool { return reflect.DeepEqual(x, y) })
}

func (c Changes) event(createdBy domain.UserID, by domain.Actor) Edited {
	return Edited{
		CreatedBy: createdBy, Title: c.Title, Description: c.Description, Priority: c.Priority, Urgency: c.Urgency,
		Category: c.Category, Subcategory: c.Subcategory, Department: c.Department, Tags: c.Tags,
		CustomFields: c.CustomFields, ByAgent: by.Type == domain.ByAgent,
	}
}

func (e Edited) apply(c Content) Content {
	set(&c.Title, e.Title)
	set(&c.Description, e.Description)
	set(&c.Priority, e.Priority)
	set(&c.Urgency, e.Urgency)
	set(&c.Category, e.Category)
	set(&c.Subcategory, e.Subcategory)
	set(&c.Department, e.Department)
	set(&c.Tags, e.Tags)
	set(&c.CustomFields, e.CustomFields)
	return c
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// withDefaults trims what people type and fills what they may leave out.
func (c Content) withDefaults() Content {
	c.Title = strings.TrimSpace(c.Title)
	c.Subcategory, c.Department = strings.TrimSpace(c.Subcategory), strings.TrimSpace(c.Department)
	c.Priority, c.Urgency = orDefault(c.Priority, Medium), orDefault(c.Urgency, Medium)
	c.Category = orDefault(c.Category, General)
	var tags []string
	for _, tag := range c.Tags {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	c.Tags = tags
	return c
}

func orDefault[S ~string](value, otherwise S) S {
	if value == "" {
		return otherwise
	}
	return value
}

// validate answers ErrInvalid with the field at fault.
func (c Content) validate() error {
	checks := []error{
		checkText("title", c.Title, 1, MaxTitle),
		checkText("description", c.Description, 1, MaxDescription),
		checkOneOf("priority", c.Priority, Levels),
		checkOneOf("urgency", c.Urgency, Levels),
		checkOneOf("category", c.Category, Categories),
		checkText("subcategory", c.Subcategory, 0, MaxLabel),
		checkText("department", c.Department, 0, MaxLabel),
		checkCount("tags", len(c.Tags), MaxTags),
		checkCount("custom_fields", len(c.CustomFields), MaxFields),
	}
	if why := domain.Unstorable(c.CustomFields); why != "" {
		checks = append(checks, invalid("custom_fields", fmt.Sprintf("custom_fields %s.", why)))
	}
	for _, tag := range c.Tags {
		checks = append(checks, checkText("tags", tag, 1, MaxLabel))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkAttachments(a []Attachment) error { return checkCount("attachments", len(a), MaxAttachments) }

// checkText bounds a text in characters. NUL is refused because PostgreSQL's text cannot hold it.
func checkText(field, text string, least, most int) error {
	length := utf8.RuneCountInString(text)
	switch {
	case least > 0 && strings.TrimSpace(text) == "":
		return invalid(field, fmt.Sprintf("%s must not be empty.", field))
	case length > most:
		return invalid(field, fmt.Sprintf("%s is %d characters long; %d is the most.", field, length, most))
	case !domain.Storable(text):
		return invalid(field, fmt.Sprintf("%s holds characters that are not text.", field))
	}
	return nil
}

func checkOneOf[S ~string](field string, value S, allowed []S) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return invalid(field, fmt.Sprintf("%s must be one of %s.", field, joined(allowed)))
}

func checkCount(field string, count, most int) error {
	if count <= most {
		return nil
	}
	return invalid(field, fmt.Sprintf("%s holds %d entries; %d is the most.", field, count, most))
}

func invalid(field, message string) error {
	refusal := *ErrInvalid
	refusal.Field, refusal.Message = field, message
	return &refusal
}
