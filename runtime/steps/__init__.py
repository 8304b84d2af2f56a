"""What runs between clone and exec: the steps of a plan, one method a step, grouped by what they touch.

Everything was decided before the clone; a step only issues its system calls. Launchers import these modules,
so they import nothing slow.
"""
