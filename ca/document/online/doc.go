// Package online asks authorities what they say of revocations, over HTTP.
//
// It is for whoever signs a document that is to last, or was told to fetch what
// a document lacks. It takes the addresses from certificates, so its client must
// be that of the one dialer, which knows where not to go.
package online
