package http

import (
	"context"
	"maps"
	"slices"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// Platform is a vendor that can be connected.
type Platform struct {
	Platform  string          `json:"platform"`
	Name      string          `json:"name"`
	Category  string          `json:"category"`
	AuthTypes []PlatformAuth  `json:"auth_types"`
	Settings  []PlatformField `json:"settings"`
	Mapping   Mapping         `json:"mapping" doc:"What holds where the organization names nothing else."`
}

// PlatformAuth is a way of proof that a vendor takes.
type PlatformAuth struct {
	AuthType    string          `json:"auth_type"`
	Credentials []PlatformField `json:"credentials"`
	Consent     bool            `json:"consent" doc:"A person can consent: POST /integrations/{id}/authorize."`
}

// PlatformField is something that a vendor needs or takes.
type PlatformField struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Doc      string `json:"doc"`
}

func (r integrationRoutes) platforms(ctx context.Context, _ *struct{}) (*struct{ Body []Platform }, error) {
	if !callerOf(ctx).Can(domain.ReadIntegrations) {
		return nil, domain.ErrForbidden
	}
	var list []Platform
	for _, p := range integration.Platforms {
		shown := Platform{
			Platform: string(p), Name: p.Name(), Category: p.Category(), Settings: renderFields(p.Settings()), Mapping: Mapping(p.Over(integration.Mapping{})),
		}
		for _, a := range p.AuthTypes() {
			shown.AuthTypes = append(shown.AuthTypes, PlatformAuth{AuthType: string(a), Credentials: renderFields(p.Credentials(a)), Consent: a == integration.OAuth2})
		}
		list = append(list, shown)
	}
	return &struct{ Body []Platform }{list}, nil
}

func renderFields(fields []integration.Field) []PlatformField {
	list := make([]PlatformField, len(fields))
	for i, f := range fields {
		list[i] = PlatformField(f)
	}
	return list
}

// keys answers the keys in their order, never null.
func keys(m map[string]string) []string { return orEmpty(slices.Sorted(maps.Keys(m))) }

// orNone answers an object, never null.
func orNone(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
