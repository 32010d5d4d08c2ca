-- What was taken out stood there by mistake: there is nothing to put back.
SELECT 1;
