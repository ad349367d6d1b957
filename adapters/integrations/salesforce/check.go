package salesforce

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// described is what Salesforce says of cases.
type described struct {
	Createable  bool `json:"createable"`
	Updateable  bool `json:"updateable"`
	RecordTypes []struct {
		ID        string `json:"recordTypeId"`
		Available bool   `json:"available"`
	} `json:"recordTypeInfos"`
	Fields []struct {
		Name       string `json:"name"`
		ExternalID bool   `json:"externalId"`
		Values     []struct {
			Value  string `json:"value"`
			Active bool   `json:"active"`
		} `json:"picklistValues"`
	} `json:"fields"`
}

// Check implements commands.Connection: the token is taken, cases can be made, and they have what the settings and the mapping name.
func (c *connection) Check(ctx context.Context) error {
	external, err := c.externalField()
	if err != nil {
		return err
	}
	var d described
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, "/sobjects/Case/describe", &d); err != nil {
		return err
	}
	if !d.Createable || !d.Updateable {
		return &commands.VendorError{Kind: commands.Denied, Message: "Whoever consented may not make and change cases."}
	}
	if wrong := d.lacks(external, c.account); wrong != "" {
		return &commands.VendorError{Kind: commands.Rejected, Message: wrong}
	}
	return nil
}

// lacks answers what the settings or the mapping name that cases do not have; empty: nothing.
func (d described) lacks(external string, a commands.Account) string {
	picks, externals := map[string][]string{}, map[string]bool{}
	for _, f := range d.Fields {
		externals[f.Name] = f.ExternalID
		for _, v := range f.Values {
			if v.Active {
				picks[f.Name] = append(picks[f.Name], v.Value)
			}
		}
	}
	if external != "" && !externals[external] {
		return fmt.Sprintf("Cases have no external id field %s.", external)
	}
	if id := a.Settings["record_type_id"]; id != "" {
		found := false
		for _, r := range d.RecordTypes {
			found = found || r.Available && len(id) >= 15 && strings.HasPrefix(r.ID, id[:15]) // 18 characters say the same as 15
		}
		if !found {
			return fmt.Sprintf("There is no record type %s for whoever consented.", id)
		}
	}
	for _, m := range []struct {
		field string
		named map[string]string
	}{{"Status", a.Mapping.Status}, {"Priority", a.Mapping.Priority}, {"Type", a.Mapping.Category}} {
		for _, value := range slices.Sorted(maps.Values(m.named)) {
			if value != "" && !slices.Contains(picks[m.field], value) {
				return fmt.Sprintf("The mapping names the %s %q, and cases have none such but %s.", m.field, value, strings.Join(picks[m.field], ", "))
			}
		}
	}
	return ""
}
