"""The analysts' web page: queue, account, campaign, case, decision; its database lies only here."""
