"""`mesh audit`: whether event stores, inboxes, read models and S3 say the same, and what repairs each difference.

The log is what counts. Three things are compared with it: deliveries (`deliveries`: did each consumer apply each
event), read models (`read_models`: are the live rows what the log folds to) and objects (`objects`: is there what the
events name, and nothing else). Everything but S3 and the queues is asked of the services' functions
(`chassis.audit`); nothing is changed but by replays (`repairs`).
"""
