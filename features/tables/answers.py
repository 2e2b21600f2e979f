"""The contracts of tables that a workspace fills itself: what was rejected, and who was in which group."""

import dataframely as dy


class Rejects(dy.Schema):
    """Where a row that broke the contract stands, and which rule it broke; never the row itself."""

    source = dy.Int64(description="short digest of the input file")
    table = dy.String(description="the input table")
    row = dy.Int64(description="position in the file, from 0")
    rule = dy.String()


class CampaignRows(dy.Schema):
    """Who was in which group as of a time, campaign or crowd; of one time the highest version holds."""

    as_of = dy.Datetime(time_unit="us", time_zone="UTC")
    version = dy.Int64(description="of the answer: the same time may be asked about again when the lake holds more")
    stamp = dy.String(description="of the lake and the grouping that the answer came from")
    campaign_id = dy.String()
    account_id = dy.String()
    membership = dy.Float64(description="share of the account's tied traffic that goes to the campaign, in (0, 1]")
    strength = dy.Float64(description="that traffic, as a share of the account's")
    ties = dy.String(description="what it shares with the others, for analysts: kinds of keys and counts")
    surprise = dy.Float64(description="of the group: -log10 of the odds that chance brings so many together")
    odds = dy.Float64(description="log-odds that the group is a campaign, as far as its members' standing does not say")
    closeness = dy.Float64(description="log of the member's strength over the median of the group")
    is_crowd = dy.Bool(description="the group acted alike for a few hours only")


class CampaignAnswers(dy.Schema):
    """That campaigns were asked for as of a time: an answer without any has no other row."""

    as_of = dy.Datetime(time_unit="us", time_zone="UTC")
    version = dy.Int64(description="as in CampaignRows")
    stamp = dy.String(description="as in CampaignRows")


class CampaignLineage(dy.Schema):
    """What a campaign has in common with one of an earlier answer."""

    as_of = dy.Datetime(time_unit="us", time_zone="UTC")
    version = dy.Int64(description="as in CampaignRows")
    campaign_id = dy.String()
    past_id = dy.String()
    accounts = dy.Int64(description="in common")
    relation = dy.String(description="continues, split or merged")
