package temporal

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"go.temporal.io/server/common/authorization"
)

// onlyAdmins lets a caller in for everything or for nothing. On the frontend that means whoever sent the token
// (tokenMapper); on the internal frontend, which demands a client certificate, Temporal makes every caller an admin.
type onlyAdmins struct{}

var _ authorization.Authorizer = onlyAdmins{}

func (onlyAdmins) Authorize(_ context.Context, claims *authorization.Claims, _ *authorization.CallTarget) (authorization.Result, error) {
	if claims != nil && claims.System == authorization.RoleAdmin {
		return authorization.Result{Decision: authorization.DecisionAllow}, nil
	}
	return authorization.Result{Decision: authorization.DecisionDeny, Reason: "the token of this envflow server is missing or wrong"}, nil
}

// tokenMapper makes whoever sends "authorization: Bearer <token>" an admin.
type tokenMapper struct{ digest [sha256.Size]byte }

var _ authorization.ClaimMapper = tokenMapper{}

func newTokenMapper(token string) tokenMapper {
	return tokenMapper{digest: sha256.Sum256([]byte(token))}
}

func (m tokenMapper) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	scheme, token, ok := strings.Cut(info.AuthToken, " ")
	// Digests have one length, so the comparison tells nothing, not even the length of the token.
	got := sha256.Sum256([]byte(token))
	if !ok || !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare(got[:], m.digest[:]) != 1 {
		return nil, nil //nolint:nilnil // claims of nobody, which are denied; an error would fill the log with its stack
	}
	return &authorization.Claims{System: authorization.RoleAdmin}, nil
}
