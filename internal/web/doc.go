// Package web is the HTTP face that the rooms hang their routes on.
//
// A Server carries pages and protocols on echo and the JSON operations of
// /api/v1 on huma; both share one map from errors to answers (errors.go), one
// set of security headers (headers.go) and one notion of the reader's language
// (request.go). Nothing here decides anything of a room's trade.
package web
