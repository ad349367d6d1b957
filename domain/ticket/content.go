package ticket

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

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
	domain.Set(&c.Title, e.Title)
	domain.Set(&c.Description, e.Description)
	domain.Set(&c.Priority, e.Priority)
	domain.Set(&c.Urgency, e.Urgency)
	domain.Set(&c.Category, e.Category)
	domain.Set(&c.Subcategory, e.Subcategory)
	domain.Set(&c.Department, e.Department)
	domain.Set(&c.Tags, e.Tags)
	domain.Set(&c.CustomFields, e.CustomFields)
	return c
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
		domain.CheckText(ErrInvalid, "title", c.Title, 1, MaxTitle),
		domain.CheckText(ErrInvalid, "description", c.Description, 1, MaxDescription),
		checkOneOf("priority", c.Priority, Levels),
		checkOneOf("urgency", c.Urgency, Levels),
		checkOneOf("category", c.Category, Categories),
		domain.CheckText(ErrInvalid, "subcategory", c.Subcategory, 0, MaxLabel),
		domain.CheckText(ErrInvalid, "department", c.Department, 0, MaxLabel),
		checkCount("tags", len(c.Tags), MaxTags),
		checkCount("custom_fields", len(c.CustomFields), MaxFields),
	}
	if why := domain.Unstorable(c.CustomFields); why != "" {
		checks = append(checks, ErrInvalid.On("custom_fields", fmt.Sprintf("custom_fields %s.", why)))
	}
	for _, tag := range c.Tags {
		checks = append(checks, domain.CheckText(ErrInvalid, "tags", tag, 1, MaxLabel))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkAttachments(a []Attachment) error { return checkCount("attachments", len(a), MaxAttachments) }

func checkOneOf[S ~string](field string, value S, allowed []S) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return ErrInvalid.On(field, fmt.Sprintf("%s must be one of %s.", field, joined(allowed)))
}

func checkCount(field string, count, most int) error {
	if count <= most {
		return nil
	}
	return ErrInvalid.On(field, fmt.Sprintf("%s holds %d entries; %d is the most.", field, count, most))
}
