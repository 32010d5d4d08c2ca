DROP TABLE checkin_balances, checkin_records;
