// Package merchant is a business's own desk in the portal: badges, complaints, record.
//
// Who is signed in and acts for a business sees what the business alone may
// see. Nothing is done by that: a request, an answer, a reply is a statement
// signed with the key of a certificate, in the browser or by the command that
// the page shows, and the rooms below (badge, complaints) judge it as they
// judge one that came another way.
//
// desk says for whom somebody acts; gather reads what a page shows, calendar
// what a feed says; http holds the pages.
package merchant
