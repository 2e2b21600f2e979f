"""Audits of made-up worlds: does one column give a family away, and how near are they to what was measured?"""
