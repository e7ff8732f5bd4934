package service

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is a part of the work that a node may do.
type Role string

// The roles.
const (
	RolePortal Role = "portal" // https and mtls: pages, API, protocols
	RoleCA     Role = "ca"     // has the issuing keys
	RoleStatus Role = "status" // http: OCSP, CRLs, certificates
	RoleJobs   Role = "jobs"   // periodic work that one node does at a time
)

// allRoles in the order in which they are said.
var allRoles = []Role{RolePortal, RoleCA, RoleStatus, RoleJobs}

// Roles are what a node does; none said means all.
type Roles []Role

// ParseRoles reads a list with commas.
func ParseRoles(s string) (list Roles) {
	for name := range strings.SplitSeq(s, ",") {
		list = append(list, Role(strings.TrimSpace(name)))
	}
	return list
}

// Has reports whether the node has the role.
func (r Roles) Has(role Role) bool { return len(r) == 0 || slices.Contains(r, role) }

// statusOnly reports whether the node answers for certificates and does
// nothing else: it opens no issuing key and writes no record.
func (r Roles) statusOnly() bool { return len(r) == 1 && r[0] == RoleStatus }

// Validate refuses what is no role.
func (r Roles) Validate() error {
	var errs []error
	for _, role := range r {
		if !slices.Contains(allRoles, role) {
			errs = append(errs, fmt.Errorf("roles: %q is none of portal, ca, status, jobs", role))
		}
	}
	return errors.Join(errs...)
}
