package vendorfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Part is one piece of a multipart body.
type Part struct {
	Name string // of the field
	File string // its file name
	Type string // MIME
	Data []byte // of a piece of JSON, which is valid by the description
	Body io.Reader
}

// validate answers why a request is not valid by the description; empty when it is. Raw bodies and those of several parts are
// not read: of them only the type is known here, and Parts looks at the rest as it comes.
func (b *Base) validate(ctx context.Context, r *Request) string {
	head := r.Clone(ctx)
	head.Body = http.NoBody // which is read below, and once
	input := &openapi3filter.RequestValidationInput{
		Request:    head,
		PathParams: r.Params,
		Route: &routers.Route{
			Spec: b.doc, Server: &openapi3.Server{URL: b.URL()},
			Path: r.route.path, PathItem: r.route.item, Method: r.route.method, Operation: r.route.described,
		},
		Options: &openapi3filter.Options{
			ExcludeRequestBody: true,
			// Who asks is the vendor's own business.
			AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc,
			SkipSettingDefaults: true,
		},
	}
	if err := openapi3filter.ValidateRequest(ctx, input); err != nil {
		return brief(err)
	}
	if name := b.unknownQuery(r); name != "" {
		return "there is no query parameter " + name
	}
	return validateBody(ctx, r)
}

// unknownQuery answers a query parameter that the operation does not have; empty when there is none. A vendor would ignore
// it, and so what it was meant for would not happen.
func (b *Base) unknownQuery(r *Request) string {
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		known := slices.Contains(b.options.Query, name)
		for _, parameters := range []openapi3.Parameters{r.route.item.Parameters, r.route.described.Parameters} {
			known = known || parameters.GetByInAndName(openapi3.ParameterInQuery, name) != nil
		}
		if !known {
			return name
		}
	}
	return ""
}

// validateBody looks at a body's type and, when it was read, at what it says.
func validateBody(ctx context.Context, r *Request) string {
	described := r.route.described.RequestBody
	if described == nil {
		if len(r.Data) > 0 {
			return "it takes no body"
		}
		return ""
	}
	kind := r.Header.Get("Content-Type")
	if r.raw() {
		if kind == "" || described.Value.Content.Get(kind) == nil {
			return fmt.Sprintf("it takes no body of the type %q", kind)
		}
		return ""
	}
	if len(r.Data) == 0 {
		if described.Value.Required {
			return "it needs a body"
		}
		return ""
	}
	media := described.Value.Content.Get(kind)
	if kind == "" || media == nil {
		return fmt.Sprintf("it takes no body of the type %q", kind)
	}
	if strings.Contains(kind, "json") {
		return conform(media.Schema, r.Data)
	}
	return validateForm(ctx, r, described.Value)
}

// validateForm looks at a form, which is short.
func validateForm(ctx context.Context, r *Request, described *openapi3.RequestBody) string {
	read := r.Clone(ctx)
	read.Body = io.NopCloser(strings.NewReader(string(r.Data)))
	input := &openapi3filter.RequestValidationInput{Request: read, Options: &openapi3filter.Options{SkipSettingDefaults: true}}
	if err := openapi3filter.ValidateRequestBody(ctx, input, described); err != nil {
		return brief(err)
	}
	return ""
}

// conform answers why JSON is not what the description asks for; empty when it is.
func conform(schema *openapi3.SchemaRef, data []byte) string {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return "the body is no JSON: " + err.Error()
	}
	if schema == nil {
		return ""
	}
	// Words for every branch that a value does not take cost far more than the look at it.
	if schema.Value.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.FailFast()) == nil {
		return ""
	}
	return brief(schema.Value.VisitJSON(value, openapi3.VisitAsRequest()))
}

// Parts calls f with each part of a body that has several, as they come. An error says why the body is not valid, which is
// remembered, or what f said.
func (r *Request) Parts(f func(p Part) error) error {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return r.no("the body has no boundary")
	}
	described := r.route.described.RequestBody.Value.Content.Get("multipart/form-data").Schema.Value
	came := map[string]bool{}
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	for {
		next, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.no("the body: " + err.Error())
		}
		part := Part{Name: next.FormName(), File: next.FileName(), Type: next.Header.Get("Content-Type"), Body: next}
		came[part.Name] = true
		if reason := part.conform(described); reason != "" {
			return r.no(reason)
		}
		if err := f(part); err != nil {
			return err
		}
	}
	for _, name := range described.Required {
		if !came[name] {
			return r.no("there is no part " + name)
		}
	}
	return nil
}

// conform answers why a part is not what the description asks for; empty when it is. A part of JSON is read.
func (p *Part) conform(described *openapi3.Schema) string {
	schema := described.Properties[p.Name]
	if schema == nil {
		if more := described.AdditionalProperties.Has; more != nil && !*more {
			return "there is no part " + p.Name
		}
		return ""
	}
	if !schema.Value.Type.Is(openapi3.TypeObject) {
		return ""
	}
	if !strings.HasPrefix(p.Type, "application/json") {
		return "the part " + p.Name + " is no application/json"
	}
	data, err := io.ReadAll(io.LimitReader(p.Body, 1<<20))
	if err != nil {
		return "the part " + p.Name + ": " + err.Error()
	}
	p.Data = data
	return conform(schema, data)
}

func (r *Request) no(reason string) error {
	r.Wrong(reason)
	return errors.New(reason)
}

// raw reports whether the body is bytes as they are, or in several parts: nothing that is read at once.
func (r *Request) raw() bool {
	described := r.route.described.RequestBody
	if described == nil {
		return false
	}
	kind := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(kind); err == nil && (kind == "application/json" || kind == "application/x-www-form-urlencoded") {
		// described as it is, and not by a pattern that takes everything
		return described.Value.Content[kind] == nil && described.Value.Content.Get(kind) != nil
	}
	return true
}

// guarded reports whether the operation asks who calls.
func (r *route) guarded(general openapi3.SecurityRequirements) bool {
	if r.described.Security != nil {
		return len(*r.described.Security) > 0
	}
	return len(general) > 0
}

// brief answers the first lines of an error, which would quote the whole description.
func brief(err error) string {
	if of, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		where := strings.Join(of.JSONPointer(), "/")
		text := "at /" + where + ": " + of.Reason
		if in, ok := errors.AsType[*openapi3filter.RequestError](err); ok && in.Parameter != nil {
			text = fmt.Sprintf("parameter %q in %s: %s", in.Parameter.Name, in.Parameter.In, of.Reason)
		}
		if of.Origin != nil {
			text += ": " + brief(of.Origin)
		}
		return text
	}
	lines := strings.SplitN(err.Error(), "\n", 2)
	return lines[0]
}
