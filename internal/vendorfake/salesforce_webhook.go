package vendorfake

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Webhook implements Vendor: an outbound message. What proves it is in the query of its address, which must be kept.
func (s *Salesforce) Webhook(ticket string) *http.Request {
	return salesforceMessage(fmt.Sprintf(
		`<Notification><Id>%s</Id><sObject xsi:type="sf:Case" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>%s</sf:Id></sObject></Notification>`,
		s.id("04l"), ticket))
}

func salesforceMessage(notifications string) *http.Request {
	body := `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>` + salesforceOrg + `</OrganizationId><ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil="true"/>
  <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/62.0</EnterpriseUrl>` + notifications + `
 </notifications></soapenv:Body>
</soapenv:Envelope>`
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{RawQuery: url.Values{"secret": {salesforceSecret}}.Encode()},
		Header:        http.Header{"Content-Type": {"text/xml; charset=UTF-8"}, "Soapaction": {`""`}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}
