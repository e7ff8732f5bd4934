// Package eid leads a browser to an eID provider, and brings back who logged in.
//
// A Provider is one OpenID Connect provider, spoken to as a confidential
// client: authorization code, PKCE, an ID token whose signature and claims are
// checked. It carries what the provider says and decides nothing: whom a login
// is worth anything for, and at which level, is asked by its caller, who also
// makes states and sees that each serves once.
package eid
