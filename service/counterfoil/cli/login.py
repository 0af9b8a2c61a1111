"""`counterfoil login`: a person logs in, and an agent's program runs with the agent's token.

This is a launcher (docs/identity/login.md): the person's own token, the refresh token and the
launcher's key stay in this process. What the program gets is a delegation token: this person,
through this agent, in this run.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.login_dpop import BindingKey
from counterfoil.cli.login_exchange import Exchange, Given
from counterfoil.cli.login_http import LoginFailed, Web
from counterfoil.cli.login_oidc import OidcLogin, OidcSettings, Tokens
from counterfoil.cli.login_run import KEY_VARIABLE, TOKEN_VARIABLE, Renewal, run_agent
from counterfoil.cli.login_saml import by_saml
from counterfoil.cli.login_settings import LoginSettings, launcher_of, secret_of, settings_of
from counterfoil.cli.text import shown
from counterfoil.core.token_request import TokenType

_MAX_PROMPT_BYTES = 262_144
_DESCRIPTION = """\
Log in as a person at their identity provider, open a run for an agent, and run the agent's
program. The program gets a token for this agent and this run alone, in a file that
COUNTERFOIL_TOKEN_FILE names, renewed while the login lasts; the hooks read it by themselves.
The person's own token never leaves this command.
"""
_EPILOG = """\
examples:
  counterfoil login --agent coder --prompt "Add an invoices table" -- python app.py
                              log in with the browser, then run the program
  counterfoil login --agent coder --prompt-file task.txt --device -- python app.py
                              without a browser here: enter a code on another device
  counterfoil login --agent coder --prompt "…" --saml -- python app.py
                              the service's SAML provider instead of OpenID Connect
  counterfoil login --agent coder --prompt "…" --dpop -- python app.py
                              a token that counts only with proofs by the program's key
  eval "$(counterfoil login --agent coder --prompt "…")"
                              no program: print the agent's token for this shell (15 minutes,
                              not renewed)
  counterfoil login --launcher-keys launcher.pem
                              make this launcher's key, and print what the operator needs

Where things are is in [login] of the configuration file (docs/identity/login.md):
  [login]
  url = "https://counterfoil.example.com"
  issuer = "https://idp.example.com"      # OpenID Connect
  client_id = "counterfoil-login"
  launcher = "desk"
  launcher_key_file = "launcher.pem"
A variable COUNTERFOIL_LOGIN__URL overrides login.url, and so on.

exit codes: the program's own; 1 the login failed, 2 usage, 78 configuration
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `login` to the command line."""
    parser = subparsers.add_parser(
        "login",
        help="log in as a person and run an agent's program",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--agent", help="the registered agent that will act")
    prompt = parser.add_mutually_exclusive_group()
    prompt.add_argument("--prompt", help="what the person asks for; recorded, and opens the run")
    prompt.add_argument("--prompt-file", type=Path, metavar="FILE", help="the same, in a file")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--device", action="store_true", help="enter a code on another device")
    how.add_argument("--saml", action="store_true", help="by the service's SAML provider")
    parser.add_argument("--provider", metavar="ENTITY", help="with --saml: which of several")
    parser.add_argument(
        "--dpop",
        action="store_true",
        help="bind the token to a key that the program gets too, so that a stolen token alone is"
        " worth nothing (RFC 9449)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address to open")
    parser.add_argument(
        "--launcher-keys", type=Path, metavar="FILE", help="make FILE if need be; print its JWKS"
    )
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="the agent's program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Log in, and run the program or print its environment; the exit code.

    Raises:
        ConfigError: a setting is wrong or missing.
    """
    if args.launcher_keys is not None:
        from counterfoil.cli.login_settings import print_launcher_keys  # noqa: PLC0415

        return print_launcher_keys(args.launcher_keys)
    problem = _misuse(args)
    if problem:
        print(f"counterfoil login: {problem}", file=sys.stderr)
        return EXIT_USAGE
    settings = settings_of(args.config)
    try:
        return _logged_in(args, settings)
    except LoginFailed as error:
        _say(error.detail)
        print(f"  {error.solution}", file=sys.stderr)
        return EXIT_FINDING


def _misuse(args: argparse.Namespace) -> str | None:
    if args.agent is None:
        return "name the agent with --agent (or make a key with --launcher-keys)."
    if args.provider is not None and not args.saml:
        return "--provider goes with --saml."
    return None


def _logged_in(args: argparse.Namespace, settings: LoginSettings) -> int:
    prompt = _prompt(args)
    web = Web(settings.ca_file)
    key = BindingKey.generate() if args.dpop else None
    exchange = Exchange(url=settings.url, launcher=launcher_of(settings), web=web, key=key)
    browse = _browser(no_browser=args.no_browser)
    oidc: OidcLogin | None = None
    tokens: Tokens | None = None
    if args.saml:
        provider = args.provider or settings.saml_provider
        found = by_saml(
            settings.url,
            provider=provider,
            port=settings.port,
            wait_seconds=settings.wait_seconds,
            browse=browse,
        )
        given = exchange.open(
            found.code,
            TokenType.SAML_CODE,
            agent=args.agent,
            prompt=prompt,
            verifier=found.verifier,
        )
    else:
        oidc = OidcLogin.discover(_oidc(settings), web, browse=browse, say=_say)
        tokens = oidc.by_device() if args.device else oidc.by_code()
        given = exchange.open(tokens.source, tokens.kind, agent=args.agent, prompt=prompt)
    _say(f"logged in; {args.agent} acts in run {given.run}")
    if not args.command:
        print(f"export {TOKEN_VARIABLE}={shlex.quote(given.token)}")
        if key is not None:
            print(f"export {KEY_VARIABLE}={shlex.quote(key.pem.decode('ascii'))}")
        return EXIT_GOOD
    renew = _renewal(exchange, oidc, tokens)
    return run_agent(args.command, Renewal(given, renew, _say), key)


def _renewal(
    exchange: Exchange, oidc: OidcLogin | None, tokens: Tokens | None
) -> Callable[[Given], Given]:
    """A fresh source where the provider gives one without the person, else the token itself.

    A run's token never outlives its source; many providers' live five minutes.
    """
    latest = tokens

    def renew(given: Given) -> Given:
        nonlocal latest
        if oidc is not None and latest is not None and latest.refresh is not None:
            try:
                latest = oidc.refreshed(latest.refresh)
                return exchange.go_on(latest.source, latest.kind, run=given.run)
            except LoginFailed:
                pass  # the session there has ended: what is left of the last source still counts
        return exchange.renew(given)

    return renew


def _oidc(settings: LoginSettings) -> OidcSettings:
    issuer, client_id = settings.oidc()
    return OidcSettings(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret_of(settings.client_secret_file),
        scope=settings.scope,
        kind=TokenType.ACCESS_TOKEN if settings.source == "access_token" else TokenType.ID_TOKEN,
        port=settings.port,
        wait_seconds=settings.wait_seconds,
    )


def _prompt(args: argparse.Namespace) -> str | None:
    if args.prompt_file is None:
        return None if args.prompt is None else str(args.prompt)
    try:
        with args.prompt_file.open("rb") as file:
            return str(file.read(_MAX_PROMPT_BYTES + 1).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LoginFailed(f"{args.prompt_file} cannot be read", "Name a UTF-8 file.") from error


def _browser(*, no_browser: bool) -> Callable[[str], None]:
    def browse(url: str) -> None:
        opened = not no_browser and _opened(url)
        _say(f"{'the browser shows' if opened else 'open'} {url}")

    return browse


def _opened(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def _say(text: str) -> None:
    """To the person, never on standard output, which is the program's or the shell's.

    A provider's words must not be able to repaint the terminal.
    """
    print(f"counterfoil login: {shown(text)}", file=sys.stderr, flush=True)
