"""Small processes that redeem a scoped token request at a real system.

An issuer holds the power over its target and decides nothing: it makes what a live,
unredeemed, signed request says, gives it to the holder bound by the request, reports it and
ends it. The service holds no power over targets.
"""
